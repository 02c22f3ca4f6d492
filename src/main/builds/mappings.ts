/** Finds what was written by hand for packages: the folder `mappings/` of this Pyrsia, or the one that the owner names. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '../../base/errors.ts'
import { type Purl, purlParts } from '../../base/purl.ts'
import { type RecipeRow, recipeDigest } from '../../base/rebuild/recipe-digest.ts'
import type { Mapping } from '../../build/rebuild/parts.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import { readMapping } from './read-mapping.ts'

/** The folder that comes with this Pyrsia; three folders up in the clone and in the installed package alike. */
export const OWN_MAPPINGS: string = fileURLToPath(new URL('../../../mappings/', import.meta.url))

const SEGMENT = /^[@\w][\w.+-]{0,213}$/

/** What was written for a package; undefined: nothing. Read anew for each job. @throws usage.config */
export function findMapping(folder: string, purl: Purl, version: string): Mapping | undefined {
  const { type, namespace, name } = purlParts(purl)
  const segments = [type, ...(namespace?.split('/') ?? []), name]
  if (segments.some((segment) => !SEGMENT.test(segment))) return undefined
  const file = `${join(folder, ...segments)}.toml`
  try {
    return readMapping(readFileSync(file), file, version)
  } catch (error) {
    if (error instanceof AppError) throw error
    if (isMissing(error)) return undefined
    throw new AppError('usage.config', `cannot read ${file}`, { cause: error })
  }
}

/** Every recipe with its digest, as it is and with each mapping of the folder; undefined: of those that come with Pyrsia. @throws usage.config for a mapping that cannot be read */
export function listRecipes(named: string | undefined, ecosystems: readonly Ecosystem[]): RecipeRow[] {
  const folder = named ?? OWN_MAPPINGS
  return ecosystems.flatMap(({ id, rebuild }) => {
    if (rebuild === undefined) return []
    const { name: recipe, version } = rebuild.recipe
    const row = (mapping: string | undefined, bytes: Uint8Array | undefined): RecipeRow => {
      return { ecosystem: id, recipe, version, mapping, digest: recipeDigest(id, rebuild.recipe, bytes) }
    }
    const mapped = filesBelow(join(folder, id)).map((file) => {
      const bytes = readFileSync(join(folder, id, file))
      readMapping(bytes, join(folder, id, file), '0')
      return row(`${id}/${file}`, bytes)
    })
    return [row(undefined, undefined), ...mapped]
  })
}

function filesBelow(folder: string): string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    return names.filter((name) => name.endsWith('.toml')).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw new AppError('usage.config', `cannot read ${folder}`, { cause: error })
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
