/** A release that is only seen: what the registry gives for it, every byte of it checked. 2-trust.md, "What a verdict says". */
import type { Environment, FileDigests, NotBuilt, Witnessed } from '../../base/entries/result.ts'
import { AppError } from '../../base/errors.ts'
import type { Ecosystem } from '../../ecosystems/ecosystem.ts'
import { remarkOf } from './answer.ts'
import { BUILT_LABEL, digestsOfBlob, readBlob } from './keep-files.ts'
import type { Asked, RebuildParts, RecordedRegistry } from './parts.ts'
import { resolveNeeds } from './resolve-needs.ts'

/** What is witnessed. */
export interface WitnessAsk {
  readonly asked: Asked
  readonly ecosystem: Ecosystem
  readonly registry: RecordedRegistry
}

const FILES_MAX = 64
/** Of a file that is read; a larger one is witnessed by nobody. */
const FILE_BYTES_MAX = 512 * 1_048_576

/** What this node saw, at the registry itself: nothing that is kept here or at peers counts. @throws unavailable.upstream, untrusted.digest, aborted.caller */
export async function witness(
  { asked, ecosystem, registry }: WitnessAsk,
  environment: Environment,
  { store, examine }: Pick<RebuildParts, 'store' | 'examine'>,
  signal: AbortSignal,
): Promise<Witnessed | NotBuilt> {
  const failed = (outcome: NotBuilt['outcome'], reason: string): NotBuilt => {
    return { outcome, reason: remarkOf(reason), environment }
  }
  if (ecosystem.witness === undefined) return failed('unbuildable', 'releases of this type are not rebuilt')
  const seen = await resolveNeeds(ecosystem.witness.see(asked.purl, registry.context), registry, signal)
  if (seen.kind === 'unavailable') throw new AppError('unavailable.upstream', `${asked.purl}: ${seen.reason.message}`)
  if (seen.kind === 'absent') return failed('unbuildable', seen.reason.message)
  if (seen.kind === 'malformed') return failed('malformed', seen.reason.message)
  const files: FileDigests[] = []
  for (const located of seen.files) {
    const blob = await registry.fetch(located, signal, { anew: true })
    if (blob === undefined) {
      throw new AppError('unavailable.upstream', `${located.label} of ${asked.purl} is named and not given`)
    }
    if (blob.sizeBytes > FILE_BYTES_MAX)
      return failed('unbuildable', `${located.label}: ${blob.sizeBytes} bytes are too many to be read`)
    const bytes = await readBlob(blob.id, FILE_BYTES_MAX, store, signal)
    const job = { ecosystem: ecosystem.id, name: located.label, built: bytes, upstream: undefined }
    const read = await examine({ ...job, seenAs: located.mediaType }, signal)
    if (read.kind === 'malformed') return failed('malformed', `${located.label}: ${read.reason}`)
    store.pin(blob.id, `${BUILT_LABEL} ${asked.purl}`)
    files.push(await digestsOfBlob(located.label, blob.id, store, signal))
  }
  const sorted = files.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const once = sorted.filter(({ name }, at) => at === 0 || name !== sorted[at - 1]?.name)
  if (once.length === 0 || once.length > FILES_MAX) {
    return failed('unbuildable', `wanted 1 to ${FILES_MAX} files to witness, found ${once.length}`)
  }
  return { outcome: 'witnessed', tag: seen.tag, files: once, environment }
}
