/** A log that the state machine wrote, for explaining it; and the same log with an entry changed, as whoever keeps it could. */
import assert from 'node:assert/strict'
import { type Entry, encodeEntry } from '../../src/base/entries/entry.ts'
import type { LoggedEntry } from '../../src/consensus/draft/draft.ts'
import { collectAbout, purlWanted, type RawEntry } from '../../src/verify/explain/collect.ts'
import { type Explanation, explainRequest } from '../../src/verify/explain/explain.ts'
import { createToyNetwork, honest, TOY_BEACON, TOY_NETWORK, type ToyNetwork } from './consensus-network.ts'
import { sampleOffer, sampleResult } from './sample-entries.ts'

/** The package of the log. */
export const EXPLAINED_PURL = 'pkg:toy/cool@1.0.0'

/** A log with one request that has everything: a member that joined by vote, a builder that missed its commitment, a standby, a dissenter. */
export function playExplained(): { readonly network: ToyNetwork; readonly request: string } {
  const network = createToyNetwork({ organisations: 8 })
  const offer = sampleOffer('late', { network: TOY_NETWORK, roles: ['builder'] })
  const change = { action: 'admit', offer } as const
  network.block([network.propose('a', change), ...['b', 'c'].map((name) => network.vote(name, change))])
  network.block()
  network.block()
  network.build('b', 'pkg:toy/other@1', honest)
  const { request, selection } = network.draw('a', EXPLAINED_PURL)
  const [missing, dissenter, ...others] = selection.selected.map(({ organisation }) => organisation)
  const [standby] = selection.standbys.map(({ organisation }) => organisation)
  assert.ok(missing !== undefined && dissenter !== undefined && standby !== undefined)
  const result = (name: string) => (name === dissenter ? sampleResult('other bytes') : honest())
  const commit = (name: string) => network.commit(name, request, result(name))
  network.block([dissenter, ...others].map(commit))
  network.wait(100)
  network.block([commit(standby)])
  network.block([dissenter, ...others, standby].map((name) => network.reveal(name, request, result(name))))
  return { network, request }
}

/** Explains a log, by the name of a request or by a purl. */
export async function explainLog(entries: readonly RawEntry[], wanted: string = EXPLAINED_PURL): Promise<Explanation> {
  const purl = await purlWanted(stream(entries), wanted)
  const name = wanted.startsWith('pkg:') ? undefined : wanted
  return explainRequest(await collectAbout(stream(entries), purl), { network: TOY_NETWORK, beacon: TOY_BEACON }, name)
}

/** The log with the last entry of a kind (that `which` says yes to) changed by `change`. */
export function tampered<K extends Entry['kind']>(
  entries: readonly LoggedEntry[],
  kind: K,
  change: (entry: Extract<Entry, { kind: K }>) => unknown,
  which: (entry: Extract<Entry, { kind: K }>) => boolean = () => true,
): { readonly entries: RawEntry[]; readonly index: number } {
  const at = entries.findLastIndex(({ entry }) => entry.kind === kind && which(entry as Extract<Entry, { kind: K }>))
  const found = entries[at]
  assert.ok(found, `wanted an entry of the kind ${kind}`)
  const bytes = encodeEntry(change(found.entry as Extract<Entry, { kind: K }>) as Entry)
  assert.notDeepEqual(bytes, found.bytes)
  return { index: found.index, entries: entries.map((each, place) => (place === at ? { ...each, bytes } : each)) }
}

async function* stream(entries: readonly RawEntry[]): AsyncGenerator<RawEntry> {
  yield* entries
}
