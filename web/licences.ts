import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'

/**
 * Writes licences.txt beside the page: name, version and the licence and
 * notice files of every package that is in the bundle.
 */
export function licences(): Plugin {
  return {
    name: 'licences',
    apply: 'build',
    generateBundle(_, bundle) {
      const folders = new Set<string>()
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue
        for (const id of chunk.moduleIds) {
          const match = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)
          if (match?.[1] && existsSync(join(match[1], 'package.json'))) folders.add(match[1])
        }
      }
      const parts = [...folders].sort().map((folder) => {
        const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
        const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file)).sort()
        const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim())
        return [`${name} ${version} (${license})`, ...texts].join('\n\n')
      })
      const source = `This page contains the following software.\n\n${parts.join(`\n\n${'-'.repeat(72)}\n\n`)}\n`
      this.emitFile({ type: 'asset', fileName: 'licences.txt', source })
    },
  }
}
