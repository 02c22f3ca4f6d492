/**
 * Reads what was written by hand for a package, and reviewed: `mappings/<type>/[<namespace>/]<name>.toml`. Unknown keys are refused, since
 * what is silently ignored was not reviewed. Pure; `mappings.ts` reads the files.
 */
import { parse as parseToml } from 'smol-toml'
import { z } from 'zod'
import { AppError } from '../../base/errors.ts'
import type { Mapping } from '../../build/rebuild/parts.ts'

const path = z.string().regex(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\\\0]{0,500}$/, 'wanted a folder below the repository')
const mappingFile = z.strictObject({
  reason: z.string().trim().min(10, 'wanted why this is needed').max(500),
  source: z
    .strictObject({
      repository: z.url({ protocol: /^https$/ }),
      revision: z.string().min(1).max(200),
      directory: path.default(''),
    })
    .optional(),
  recipe: z.record(z.string(), z.unknown()).optional(),
})

/** The mapping in these bytes, for this version: `{version}` in a revision stands for it. @throws usage.config */
export function readMapping(bytes: Uint8Array, file: string, version: string): Mapping {
  let table: unknown
  try {
    table = parseToml(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new AppError('usage.config', `cannot read ${file} as TOML`, { cause })
  }
  const found = mappingFile.safeParse(table)
  if (!found.success) throw new AppError('usage.config', `cannot use ${file}: ${z.prettifyError(found.error)}`)
  const { reason, source, recipe } = found.data
  return {
    bytes,
    reason,
    source: source && {
      grade: 'override',
      how: `mappings/: ${reason}`,
      type: 'git',
      repository: source.repository,
      revisions: [source.revision.replaceAll('{version}', version)],
      directory: source.directory,
    },
    recipe,
  }
}
