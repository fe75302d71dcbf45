/** What is remembered between visits. A browser that refuses storage gets the defaults. */
const PREFIX = 'tickcast.'

type Key = 'contract' | 'period' | 'theme' | 'zone' | 'keys' | 'pane' | `book.${string}`

export function recall(key: Key): string | undefined {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(PREFIX + key) ?? 'null')
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

export function remember(key: Key, value: string): void {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value))
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
}
