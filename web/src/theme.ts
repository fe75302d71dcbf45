import { byId } from './dom.ts'
import { recall, remember } from './prefs.ts'

type Theme = 'dark' | 'light'

const system = matchMedia('(prefers-color-scheme: light)')

/** The chosen theme, or else the system's. */
function current(): Theme {
  const chosen = recall('theme')
  if (chosen === 'dark' || chosen === 'light') return chosen
  return system.matches ? 'light' : 'dark'
}

/** Wires the button; `onChange` is called after each change of colours. Returns the switch, for a key. */
export function startTheme(onChange: () => void): () => void {
  const button = byId<HTMLButtonElement>('theme')
  const show = () => {
    const theme = current()
    document.documentElement.dataset.theme = theme
    const label = `Switch to the ${theme === 'dark' ? 'light' : 'dark'} theme`
    button.ariaLabel = button.title = label
    onChange()
  }
  const toggle = () => {
    remember('theme', current() === 'dark' ? 'light' : 'dark')
    show()
  }
  button.addEventListener('click', toggle)
  system.addEventListener('change', show)
  show()
  return toggle
}
