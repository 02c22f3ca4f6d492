/** The name of what a builder did: a recipe, its version, and what was written by hand for the package. 2-trust.md, "Random selection", 1. */
import { domainHash } from '../crypto/domain-hash.ts'
import type { Hex32 } from '../entries/fields.ts'
import type { Recipe } from './build-plan.ts'

/** SHA-256 over the type, the recipe's name and version, and the file of `mappings/`, empty if there is none. */
export function recipeDigest(
  type: string,
  { name, version }: Pick<Recipe, 'name' | 'version'>,
  mapping: Uint8Array | undefined,
): Hex32 {
  const hashed = domainHash('pyrsia/recipe/1', [type, name, version, mapping ?? new Uint8Array(0)])
  return Buffer.from(hashed).toString('hex')
}

/** A recipe of this Pyrsia, for the rules of a network that lists the recipes its builders follow. */
export interface RecipeRow {
  readonly ecosystem: string
  readonly recipe: string
  readonly version: number
  /** The file of `mappings/` that changes it; undefined: the recipe as it is. */
  readonly mapping: string | undefined
  readonly digest: Hex32
}
