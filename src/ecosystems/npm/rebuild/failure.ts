/** Ends of a recipe that did not build. Pure. */
import type { RecipeEnd, RecipeGot } from '../../../base/rebuild/build-plan.ts'

/** An end without files. */
export type Failed = Exclude<RecipeEnd, { readonly kind: 'built' }>

/** How a step failed; undefined: it did not. */
export function failureOf(got: RecipeGot, what: string): Failed | undefined {
  if (got.kind !== 'ran') return unbuildable(what)
  if (got.exitCode === 0 && got.failure === undefined) return undefined
  const why = got.failure ?? `exit code ${got.exitCode}`
  const last = got.log
    .trim()
    .split('\n')
    .filter((line) => !/A complete log of this run/.test(line))
    .slice(-3)
  return unbuildable(`${what}: ${why}: ${last.join(' | ').slice(-300)}`)
}

/** The end of a release that cannot be built. */
export function unbuildable(reason: string): Failed {
  return { kind: 'unbuildable', reason }
}
