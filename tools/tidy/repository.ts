/** Reads the repository as the rules see it: every file that git tracks or would track. */
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Source, sourceOf } from './source.ts'

/** Larger files (vectors) are data and are left out. */
const BYTES_MAX = 2_000_000

/** The files below `root` that git tracks or would track, in order of their paths. */
export function readRepository(root: string): Source[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const paths = execFileSync('git', args, { cwd: root, maxBuffer: 16_000_000 }).toString().split('\0')
  const sources: Source[] = []
  for (const path of new Set(paths.filter((one) => one !== '').sort())) {
    const stat = statSync(join(root, path), { throwIfNoEntry: false })
    if (stat === undefined || !stat.isFile() || stat.size > BYTES_MAX) continue
    sources.push(sourceOf(path, readFileSync(join(root, path), 'utf8')))
  }
  return sources
}
