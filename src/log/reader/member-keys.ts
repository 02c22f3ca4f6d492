/**
 * Whose word counts for the log of a network, as its members change: `network.json`, and the voted changes that the log holds. They are
 * learnt from the log that was accepted; and where a checkpoint does not count because the members of its time are not known as yet,
 * from what others show of its tree. A change proves itself by its votes, so nobody has to be believed for that. What cannot be bridged:
 * a log all of whose members were replaced while this reader was away; it needs a new `network.json`.
 */

import type { Logger } from '../../base/clock.ts'
import { parseEntry } from '../../base/entries/entry.ts'
import { errorChain, isKind, throwIfAborted } from '../../base/errors.ts'
import type { Network } from '../../base/network/network.ts'
import type { Vkey } from '../../base/network/vkey.ts'
import { createSourcePool, type LogSource } from '../files/source.ts'
import { VerifiedFiles } from '../files/verified-files.ts'
import type { LogHit, LogReader, TreeHead } from '../log.ts'
import { CHANGES_MAX, chainOf, type PolicyChain, versionAt, withChange } from '../policy/network-chain.ts'
import { HITS_MAX } from '../rules.ts'
import { decodeEntries } from '../tree/entry-bundle.ts'
import { TILE_WIDTH } from '../tree/tiles.ts'
import type { LogKeys } from './judge.ts'
import { searchSources } from './search.ts'

/** Keys that grow with the log. */
export interface MemberKeys extends LogKeys {
  /** The changes that are known, by index. */
  changes(): readonly LogHit[]
  /** Takes in entries whose place in the log is certain; what is no change of members is passed over. */
  take(hits: readonly LogHit[]): void
  /** Takes in all changes of a log up to its newest checkpoint. @throws damaged.log, unavailable.peer, aborted.caller */
  learn(log: Pick<LogReader, 'find' | 'mode' | 'newest'>, signal?: AbortSignal): Promise<void>
  /**
   * The keys with the changes that others show in the tree of `head`, which nobody has accepted as yet; undefined if they show none.
   * Nobody is blamed: the tree may be made up. @throws aborted.caller
   */
  ahead(head: TreeHead, sources: readonly LogSource[], signal: AbortSignal): Promise<LogKeys | undefined>
}

/** Entries on members, votes among them, that are looked at to get ahead. */
const AHEAD_MAX = 256

/** The keys of a network, as `network.json` has them. `witnesses`: further ones, which are shown. @throws usage.network, usage.log */
export function memberKeysOf(network: Network, witnesses: readonly Vkey[], logger: Logger): MemberKeys {
  const start = chainOf(network)
  const { origin } = network
  let known = new Map<number, Uint8Array>()
  let chain = start
  /** Entries below this are all looked at. */
  let learnt = 0
  const refused = new Set<number>()

  function tell(index: number, error: unknown): void {
    if (refused.has(index)) return
    refused.add(index)
    logger.error({ index, cause: errorChain(error) }, 'a change of members in the log does not hold')
  }

  function take(hits: readonly LogHit[]): void {
    const fresh = hits.filter(({ index, entry }) => !known.has(index) && isChange(entry))
    if (fresh.length === 0) return
    known = new Map([...known, ...fresh.map(({ index, entry }) => [index, entry] as const)].sort(([a], [b]) => a - b))
    chain = chainWith(start, known, tell)
  }

  return {
    origin,
    witnesses,
    policyAt: (size) => versionAt(chain, size),
    changes: () => [...known].map(([index, entry]) => ({ index, entry })),
    take,
    async learn(log, signal) {
      const size = log.newest()?.size ?? 0
      const hits: LogHit[] = []
      for (let before = size; before > learnt; ) {
        const page = await log.find({ kind: 'member', before, limit: HITS_MAX }, signal)
        hits.push(...page.filter(({ index }) => index >= learnt))
        before = page.length < HITS_MAX ? learnt : (page.at(-1)?.index ?? learnt)
      }
      take(hits)
      // What a light copy finds may lack something; the next time it may not.
      if (log.mode === 'full') learnt = Math.max(learnt, size)
    },
    async ahead(head, sources, signal) {
      const shown = await changesShown(head, versionAt(chain, head.size).fromSize, sources, signal)
      if (shown.length === 0) return undefined
      const all = [...known, ...shown.map(({ index, entry }) => [index, entry] as const)].sort(([a], [b]) => a - b)
      const longer = chainWith(start, all, () => {})
      if (longer.versions.length <= chain.versions.length) return undefined
      return { origin, witnesses, policyAt: (size) => versionAt(longer, size) }
    },
  }
}

/** The chain with all changes that hold; `tell` hears of the others. */
function chainWith(
  start: PolicyChain,
  changes: Iterable<readonly [index: number, entry: Uint8Array]>,
  tell: (index: number, error: unknown) => void,
): PolicyChain {
  let chain = start
  for (const [index, bytes] of changes) {
    const entry = parseEntry(bytes)
    if (index < start.knownSize || entry.kind !== 'member' || chain.versions.length > CHANGES_MAX) continue
    try {
      chain = withChange(chain, index, entry)
    } catch (error) {
      if (!isKind(error, 'untrusted')) throw error
      tell(index, error)
    }
  }
  return chain
}

function isChange(bytes: Uint8Array): boolean {
  try {
    const entry = parseEntry(bytes)
    return entry.kind === 'member' && entry.step === 'active'
  } catch (error) {
    if (isKind(error, 'usage')) return false
    throw error
  }
}

/** Changes of index `from` and above that others say are in a tree, each proven to be in it. */
async function changesShown(
  head: TreeHead,
  from: number,
  sources: readonly LogSource[],
  signal: AbortSignal,
): Promise<LogHit[]> {
  // A tree that somebody made up would make every honest source look like a liar.
  const silent = sources.map((source): LogSource => {
    return { name: source.name, fetch: (path, options) => source.fetch(path, options), blame() {} }
  })
  const shown: LogHit[] = []
  try {
    const found = await searchSources({ kind: 'member', limit: AHEAD_MAX }, silent, signal)
    const indexes = found
      .map(({ index }) => index)
      .filter((index) => index >= from && index < head.size)
      .slice(0, AHEAD_MAX)
    const files = new VerifiedFiles(head, createSourcePool(silent))
    for (const [at, wanted] of Map.groupBy(indexes, (index) => Math.floor(index / TILE_WIDTH))) {
      const width = Math.min(TILE_WIDTH, head.size - at * TILE_WIDTH)
      const bundle = decodeEntries(await files.bundle(at, width, signal), width)
      for (const index of wanted) {
        const entry = bundle[index % TILE_WIDTH]
        if (entry !== undefined && isChange(entry)) shown.push({ index, entry: Uint8Array.from(entry) })
      }
    }
  } catch (error) {
    throwIfAborted(signal)
    if (!isKind(error, 'unavailable') && !isKind(error, 'exhausted') && !isKind(error, 'untrusted')) throw error
  }
  return shown
}
