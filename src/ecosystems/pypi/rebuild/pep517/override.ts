/** What a reviewed file of `mappings/` may say for the recipe of a Python package: its table `[recipe]`. Pure. */
import { z } from 'zod'
import { unfitRequirement } from './requirements.ts'

/** What is asked for by hand. */
export interface Override {
  /** Further requirements of the build. */
  readonly requires: readonly string[]
  /** Instead of the versions that the published wheel names, and the only attempt. */
  readonly pins: readonly string[] | undefined
}

const schema = z.strictObject({
  requires: z.array(z.string()).max(50).optional(),
  pins: z
    .array(z.string().regex(/^[A-Za-z0-9._-]+==[\w.!]+$/))
    .max(50)
    .optional(),
})

/** Reads it; the reason if it is malformed. */
export function readOverride(table: Readonly<Record<string, unknown>> | undefined): Override | string {
  const read = schema.safeParse(table ?? {})
  if (!read.success) return `the recipe of mappings/ for it is malformed: ${read.error.issues[0]?.message}`
  const { requires = [], pins } = read.data
  const unfit = unfitRequirement(requires)
  return unfit === undefined ? { requires, pins } : `mappings/ requires ${unfit}, which is no plain requirement`
}
