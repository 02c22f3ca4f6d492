/** The frozen lists of what is rebuilt: one package a line, its name and version; what stands behind `#` is for people. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A package of a list. */
export interface Listed {
  readonly ecosystem: 'npm' | 'pypi'
  readonly name: string
  readonly version: string
}

/**
 * The second as of which every package is asked for: what was released later is hidden from the builds, so that a run next year is given
 * the same tools.
 */
export const AS_OF_SECONDS: number = Date.UTC(2026, 10, 30) / 1000

/** The packages of one list, in its order. */
export function readList(ecosystem: Listed['ecosystem']): readonly Listed[] {
  const text = readFileSync(fileURLToPath(new URL(`${ecosystem}.txt`, import.meta.url)), 'utf8')
  return text.split('\n').flatMap((line): Listed[] => {
    const [name = '', version = ''] = line.replace(/#.*/, '').trim().split(/\s+/)
    return name === '' ? [] : [{ ecosystem, name, version }]
  })
}

/** The purl of a package. */
export function purlOf({ ecosystem, name, version }: Listed): string {
  return `pkg:${ecosystem}/${name.replace('@', '%40')}@${version}`
}
