/** What is remembered between visits. A browser that refuses storage gets the defaults. */
const PREFIX = 'tickcast.'

export function recall(key: 'contract' | 'period' | 'theme'): string | undefined {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(PREFIX + key) ?? 'null')
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

export function remember(key: 'contract' | 'period' | 'theme', value: string): void {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value))
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
}
