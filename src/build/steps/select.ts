/** Step 2: waits until this node is to build: selected by the draw, or a standby in the place of one who was silent. */
import type { Brand } from '../../base/brand.ts'
import type { Hex32 } from '../../base/entries/fields.ts'
import type { Job } from '../builder.ts'
import { panelOf, phaseOf } from '../progress.ts'
import { type WatchedLog, waitFor } from '../watch.ts'

/** A job that the network gave to this node. Only `select` makes one. */
export type Assignment = Brand<Job, 'Assignment'>

/** The assignment; undefined if the attempt ended without this node. @throws damaged.log, aborted.caller */
export async function select(
  job: Job,
  { log, node }: { readonly log: WatchedLog; readonly node: Hex32 },
  signal: AbortSignal,
): Promise<Assignment | undefined> {
  const found = await waitFor(
    log,
    job,
    (progress) => {
      const phase = phaseOf(progress)
      if (phase === 'decided' || phase === 'refused') return 'over'
      return panelOf(progress).some((seat) => seat.node === node) ? 'called' : undefined
    },
    signal,
  )
  return found === 'called' ? (job as Assignment) : undefined
}
