/** `pyrsia explain` with its effects: takes the entries of a log from its files or from a running node, and has `verify/` explain. */
import { join, resolve } from 'node:path'
import { canonicalJson, type Json } from '../../base/crypto/canonical-json.ts'
import { isKind } from '../../base/errors.ts'
import type { Network } from '../../base/network/network.ts'
import { chainOf } from '../../beacon/chain-of.ts'
import type { NodeApi } from '../../cli/context.ts'
import type { ExplainReport, ExplainRequest } from '../../cli/log/explain-view.ts'
import { connectNode } from '../../cli/node-api.ts'
import type { LogEntriesView } from '../../http/http.ts'
import { logLayout } from '../../log/disk/layout.ts'
import { collectAbout, purlWanted, type RawEntry } from '../../verify/explain/collect.ts'
import { explainRequest } from '../../verify/explain/explain.ts'
import { beaconConstants } from '../network/open-beacon.ts'
import { pinnedNetwork } from '../network/verify-file.ts'
import { readEntries } from './read-entries.ts'

/** Entries of one reply of a node. */
const PAGE = 1_000

/** Explains. @throws usage.request, absent.entry, absent.network, usage.network, usage.key, damaged.log, unavailable.node */
export async function explainBuild(request: ExplainRequest, directory: string): Promise<ExplainReport> {
  const network = await pinnedNetwork(request.network, directory)
  const { source, entries } = await sourceOf(request, directory, network)
  const purl = await purlWanted(entries(), request.wanted)
  const collected = await collectAbout(entries(), purl)
  const fixed = { network: network.origin, beacon: beaconConstants(chainOf(network.beacon)) }
  const name = request.wanted.startsWith('pkg:') ? undefined : request.wanted
  const found = explainRequest(collected, fixed, name)
  const shown = found.entries.map(({ index, entry }) => ({ index, entry: entry as unknown as Json }))
  return { ...found, source, entries: shown }
}

interface Source {
  readonly source: string
  /** The whole log, each time from its beginning. */
  entries(): AsyncIterable<RawEntry>
}

async function sourceOf(request: ExplainRequest, directory: string, network: Network): Promise<Source> {
  if (request.log !== undefined) return filesIn(resolve(request.log))
  try {
    const node = await connectNode(directory)
    await node.get('/api/log/checkpoint')
    return { source: node.url, entries: () => entriesOf(node) }
  } catch (error) {
    // Nobody runs there: the files say the same.
    if (!isKind(error, 'unavailable')) throw error
    return filesIn(logLayout(join(directory, 'log'), network.origin).served)
  }
}

function filesIn(directory: string): Source {
  return { source: directory, entries: () => readEntries(directory) }
}

/** All entries of a running node's log. @throws unavailable.node */
export async function* entriesOf(node: Pick<NodeApi, 'get'>): AsyncGenerator<RawEntry> {
  for (let from = 0, end = PAGE; from < end; from += PAGE) {
    const { entries, size } = await node.get<LogEntriesView>('/api/log/entries', {
      from: String(from),
      to: String(from + PAGE),
    })
    for (const { index, entry } of entries) yield { index, bytes: canonicalJson(entry) }
    end = size
  }
}
