import type { Contract } from './contract.ts'
import { grouped } from './format.ts'

const SHAPE: Record<Contract['direction'], string> = {
  up: 'M16 5 29 27H3z', down: 'M16 27 3 5h26z', flat: 'M4 13h24v6H4z',
}
const COLOUR: Record<Contract['direction'], string> = { up: '#12a57c', down: '#e5484d', flat: '#8d98a5' }

/** The browser's tab: the last price, and an icon that points where it went; grey when prices are not current. */
export class TabTitle {
  private readonly icon = document.querySelector<HTMLLinkElement>('link[rel=icon]')

  draw(contract: Contract): void {
    const stale = contract.freshness.state === 'stale'
    const last = contract.last === undefined ? '' : `${grouped(contract.last)} `
    const title = `${stale && last ? '⚠ ' : ''}${last}${contract.name} · Tickcast`
    if (document.title !== title) document.title = title
    const colour = stale ? COLOUR.flat : COLOUR[contract.direction]
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="${colour}" d="${SHAPE[contract.direction]}"/></svg>`
    const href = `data:image/svg+xml,${encodeURIComponent(svg)}`
    if (this.icon && this.icon.href !== href) this.icon.href = href
  }
}
