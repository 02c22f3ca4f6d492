/** The log in one value, for `status` and the metrics, with sentences about what is wrong. Pure. */
import { isSolo, type Network } from '../../base/network/network.ts'
import type { LogView } from '../../http/http.ts'
import type { AcceptedCheckpoint } from '../../log/log.ts'
import type { FollowState } from '../../log/reader/follow.ts'
import { judgeCheckpoint, type LogKeys } from '../../log/reader/judge.ts'

/** What the view is made of. */
export interface ViewInput {
  readonly network: Network
  readonly keys: LogKeys
  readonly mode: 'full' | 'light'
  readonly writes: boolean
  readonly newest: AcceptedCheckpoint | undefined
  readonly follow: FollowState | undefined
  readonly witnessed: readonly string[]
  /** What is wrong with the network's files and keys. */
  readonly notes: readonly string[]
  readonly nowSeconds: number
}

/** The view. */
export function viewOf(input: ViewInput): LogView {
  const { network, keys, newest, follow, nowSeconds } = input
  const judged = newest === undefined ? undefined : judgeCheckpoint(Buffer.from(newest.note), keys)
  const { k, authorities } = keys.policyAt(newest?.size ?? 0)
  const ageSeconds = judged?.timeSeconds === undefined ? undefined : Math.max(0, nowSeconds - judged.timeSeconds)
  return {
    origin: network.origin,
    solo: isSolo(network),
    mode: input.mode,
    writes: input.writes,
    checkpoint: judged && {
      size: judged.size,
      root: Buffer.from(judged.root).toString('base64'),
      cosigners: judged.cosignatures.map(({ name }) => name),
      ...(ageSeconds !== undefined && { ageSeconds }),
    },
    quorum: { k, of: authorities },
    pendingCount: follow?.pendingCount ?? 0,
    evidence: follow?.evidence ?? [],
    stopped: follow?.stopped !== undefined,
    witnessed: input.witnessed,
    notes: [...notesOf(input, ageSeconds), ...input.notes],
  }
}

function notesOf({ network, newest, follow, nowSeconds, writes }: ViewInput, ageSeconds: number | undefined): string[] {
  const notes: string[] = []
  const { origin, freshnessSeconds } = network
  if (follow?.stopped !== undefined) {
    notes.push(
      `The log ${origin} is followed no further: ${follow.stopped}. Ask its members, then settle it as docs/how-to/run-a-log.md says`,
    )
  }
  for (const sentence of follow?.evidence ?? []) notes.push(`Split view of ${origin}: ${sentence}`)
  if (nowSeconds >= network.expires) notes.push(`network.json of ${origin} has expired: get a new one`)
  if (newest === undefined && !writes) notes.push(`No checkpoint of the log ${origin} was found yet`)
  else if (ageSeconds !== undefined && ageSeconds > freshnessSeconds) {
    notes.push(
      `The newest checkpoint of ${origin} is ${ageSeconds} s old: more than the ${freshnessSeconds} s of its network`,
    )
  }
  return notes
}
