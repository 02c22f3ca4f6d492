/** Finds the folders of a monorepo: those that the manifest at its root names, one level of `*`, which is what is in use. */
import type { ListNeed, ReadNeed, RecipeGot } from '../../../base/rebuild/build-plan.ts'
import type { JsonObject } from '../packument/packument.ts'
import { MANIFEST_BYTES_MAX, readJsonObject, workspacePatterns } from './manifest.ts'
import { folderOf } from './repository.ts'

/** A folder with a manifest. */
export interface Workspace {
  /** Below the root; empty: the root itself. */
  readonly folder: string
  readonly manifest: JsonObject
}

type Asking<T> = Generator<ReadNeed | ListNeed, T, RecipeGot>

const FOLDERS_MAX = 400
/** Where the packages of a monorepo are whose root does not say so. */
const USUAL = ['packages/*']

/** The manifest in a folder below the root of the source. */
export function* readManifest(folder: string): Asking<JsonObject | undefined> {
  const path = ['source', folder, 'package.json'].filter(Boolean).join('/')
  const got = yield { kind: 'read', path, bytesMax: MANIFEST_BYTES_MAX }
  return got.kind === 'bytes' ? readJsonObject(got.bytes) : undefined
}

/** The packages of a monorepo, those of its root's `workspaces`, else the usual ones; without the root. */
export function* listWorkspaces(root: JsonObject | undefined): Asking<Workspace[]> {
  const stated = root === undefined ? [] : workspacePatterns(root)
  const found: Workspace[] = []
  const seen = new Set<string>()
  for (const pattern of stated.length === 0 ? USUAL : stated) {
    for (const folder of yield* foldersOf(pattern)) {
      if (seen.has(folder) || seen.size >= FOLDERS_MAX) continue
      seen.add(folder)
      const manifest = yield* readManifest(folder)
      if (manifest !== undefined) found.push({ folder, manifest })
    }
  }
  return found
}

function* foldersOf(pattern: string): Asking<string[]> {
  const [before = '', ...rest] = pattern.replace(/^!.*/, '').split('*')
  const parent = folderOf(before)
  if (parent === '') return []
  if (rest.length === 0) return [parent]
  const got = yield { kind: 'list', path: `source/${parent}` }
  if (got.kind !== 'names') return []
  return got.names
    .filter((name) => name.endsWith('/') && name !== 'node_modules/')
    .map((name) => `${parent}/${name.slice(0, -1)}`)
}
