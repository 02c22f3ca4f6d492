/**
 * Prometheus metrics: one table with names, kinds and helps, from which `docs/reference/metrics.md` is generated, and a registry
 * of this node's own. Gauges are read from the parts when they are asked for, so they cost nothing while nobody asks.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Peers } from '../peers/peers.ts'
import type { Serve } from '../serve/serve.ts'
import type { Store } from '../store/store.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { LogView } from './http.ts'
import type { LogObserver } from './log/log-port.ts'
import type { RequestObserver } from './registry.ts'

/** One metric. */
export interface MetricRow {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly help: string
}

/** Every metric of a node. */
export const METRICS: readonly MetricRow[] = [
  row('pyrsia_info', 'gauge', ['version'], 'Always 1; the version is the label'),
  row('pyrsia_requests_total', 'counter', ['ecosystem', 'method', 'status'], 'Requests of package clients'),
  row('pyrsia_reply_bytes_total', 'counter', ['ecosystem'], 'Body bytes sent to package clients'),
  row('pyrsia_request_seconds', 'histogram', ['ecosystem'], 'Time from a request to the end of its reply'),
  row('pyrsia_refusals_total', 'counter', [], 'Requests that ended in a refusal'),
  row('pyrsia_policy_denials_total', 'counter', [], 'Requests that the policy refused'),
  row('pyrsia_release_conflicts', 'gauge', [], 'Released files for which upstream states another digest than before'),
  row('pyrsia_source_hits_total', 'counter', ['source'], 'Replies, by where their bytes came from'),
  row('pyrsia_source_served_bytes_total', 'counter', ['source'], 'Body bytes served, by where they came from'),
  row('pyrsia_source_received_bytes_total', 'counter', ['source'], 'Bytes that came in, by where from'),
  row('pyrsia_transfers', 'gauge', [], 'Blobs being fetched'),
  row('pyrsia_store_blobs', 'gauge', [], 'Stored blobs'),
  row('pyrsia_store_bytes', 'gauge', [], 'Bytes of stored blobs'),
  row('pyrsia_store_limit_bytes', 'gauge', [], 'Bytes that the store may use'),
  row('pyrsia_store_pinned_bytes', 'gauge', [], 'Bytes of pinned blobs'),
  row('pyrsia_store_damaged_blobs', 'gauge', [], 'Blobs that are damaged and wait for repair'),
  row('pyrsia_peers_connected', 'gauge', [], 'Connected peers'),
  row('pyrsia_peers_known', 'gauge', [], 'Known peers'),
  row('pyrsia_peers_received_bytes_total', 'counter', [], 'Bytes received from peers'),
  row('pyrsia_peers_sent_bytes_total', 'counter', [], 'Bytes sent to peers'),
  row('pyrsia_announced_digests', 'gauge', [], 'Digests announced to peers'),
  row('pyrsia_log_entries', 'gauge', [], 'Entries of the log by its newest accepted checkpoint'),
  row('pyrsia_log_checkpoint_age_seconds', 'gauge', [], 'Age of that checkpoint by the median of its cosignatures'),
  row('pyrsia_log_checkpoint_cosignatures', 'gauge', [], 'Cosignatures of that checkpoint'),
  row('pyrsia_log_pending_checkpoints', 'gauge', [], 'Checkpoints that lack cosignatures as yet'),
  row('pyrsia_log_split_views', 'gauge', [], 'Split views of the log that there is evidence of'),
  row('pyrsia_log_stopped', 'gauge', [], '1 if nothing newer is accepted because of a split view'),
  row('pyrsia_log_requests_total', 'counter', ['kind', 'status'], 'Requests of outsiders on the log port'),
  row('pyrsia_upstream_reachable', 'gauge', ['upstream'], '1 if the upstream answered last, 0 if not'),
  row(
    'pyrsia_upstream_quota_remaining',
    'gauge',
    ['upstream'],
    "What is left of the registry's rate limit, as it last said",
  ),
  row('process_resident_memory_bytes', 'gauge', [], 'Resident memory of the process'),
  row('process_cpu_seconds_total', 'counter', [], 'Processor time of the process'),
]

/** The metrics of one node. */
export interface Metrics {
  readonly contentType: string
  readonly observe: RequestObserver
  readonly observeLog: LogObserver
  /** All metrics in the Prometheus text format. */
  text(): Promise<string>
}

/** Where the gauges are read from. */
export interface MetricSources {
  readonly version: string
  readonly store: Pick<Store, 'usage'>
  readonly peers: Pick<Peers, 'state'>
  readonly upstream: Pick<Upstream, 'states'>
  readonly serve: Pick<Serve, 'state'>
  readonly log: { view(): LogView }
  readonly process: () => { readonly residentBytes: number; readonly cpuSeconds: number }
}

const SECONDS_BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60]

/** Metrics over these sources, in a registry of their own. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry()
  const made = new Map<string, Counter | Gauge | Histogram>()
  for (const { name, kind, labels, help } of METRICS) {
    const options = { name, help, labelNames: [...labels], registers: [registry] }
    // Counters that are kept elsewhere are copied when they are read; prom-client's Gauge can be set, its Counter only added to.
    if (kind === 'counter') made.set(name, new Counter(options))
    else if (kind === 'gauge') made.set(name, new Gauge(options))
    else made.set(name, new Histogram({ ...options, buckets: SECONDS_BUCKETS }))
  }
  const counter = (name: string) => made.get(name) as Counter
  const gauge = (name: string) => made.get(name) as Gauge
  const requests = counter('pyrsia_requests_total')
  const replyBytes = counter('pyrsia_reply_bytes_total')
  const seconds = made.get('pyrsia_request_seconds') as Histogram
  gauge('pyrsia_info').set({ version: sources.version }, 1)
  return {
    contentType: registry.contentType,
    observe({ ecosystem, method, status, sentBytes, tookMs }) {
      requests.inc({ ecosystem, method: METHODS.has(method) ? method : 'other', status })
      replyBytes.inc({ ecosystem }, sentBytes)
      seconds.observe({ ecosystem }, tookMs / 1000)
    },
    observeLog(kind, status) {
      counter('pyrsia_log_requests_total').inc({ kind, status })
    },
    text() {
      read(sources, gauge, counter)
      return registry.metrics()
    },
  }
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])

function read(sources: MetricSources, gauge: (name: string) => Gauge, counter: (name: string) => Counter): void {
  const total = (name: string, value: number, labels: Record<string, string> = {}): void => {
    const metric = counter(name)
    metric.remove(labels)
    metric.inc(labels, value)
  }
  const usage = sources.store.usage()
  gauge('pyrsia_store_blobs').set(usage.blobs)
  gauge('pyrsia_store_bytes').set(usage.bytes)
  gauge('pyrsia_store_limit_bytes').set(usage.limitBytes)
  gauge('pyrsia_store_pinned_bytes').set(usage.pinnedBytes)
  gauge('pyrsia_store_damaged_blobs').set(usage.damaged)
  const peers = sources.peers.state()
  gauge('pyrsia_peers_connected').set(peers.connected)
  gauge('pyrsia_peers_known').set(peers.known)
  total('pyrsia_peers_received_bytes_total', peers.receivedBytes)
  total('pyrsia_peers_sent_bytes_total', peers.sentBytes)
  gauge('pyrsia_announced_digests').set(peers.announcedDigests)
  readLog(sources.log.view(), gauge)
  const traffic = sources.serve.state()
  gauge('pyrsia_transfers').set(traffic.transfers.length)
  total('pyrsia_refusals_total', traffic.refusals)
  total('pyrsia_policy_denials_total', traffic.denials)
  gauge('pyrsia_release_conflicts').set(traffic.conflictCount)
  for (const [source, { hits, servedBytes, receivedBytes }] of Object.entries(traffic.sources)) {
    total('pyrsia_source_hits_total', hits, { source })
    total('pyrsia_source_served_bytes_total', servedBytes, { source })
    total('pyrsia_source_received_bytes_total', receivedBytes, { source })
  }
  for (const { name, reachable, quota } of sources.upstream.states()) {
    if (reachable === 'yes' || reachable === 'no') {
      gauge('pyrsia_upstream_reachable').set({ upstream: name }, reachable === 'yes' ? 1 : 0)
    }
    if (quota !== undefined) gauge('pyrsia_upstream_quota_remaining').set({ upstream: name }, quota.remaining)
  }
  const { residentBytes, cpuSeconds } = sources.process()
  gauge('process_resident_memory_bytes').set(residentBytes)
  total('process_cpu_seconds_total', cpuSeconds)
}

function readLog({ checkpoint, pendingCount, evidence, stopped }: LogView, gauge: (name: string) => Gauge): void {
  gauge('pyrsia_log_entries').set(checkpoint?.size ?? 0)
  gauge('pyrsia_log_checkpoint_cosignatures').set(checkpoint?.cosigners.length ?? 0)
  // Without a cosigned checkpoint there is no age; 0 would look fresh.
  gauge('pyrsia_log_checkpoint_age_seconds').set(checkpoint?.ageSeconds ?? Number.NaN)
  gauge('pyrsia_log_pending_checkpoints').set(pendingCount)
  gauge('pyrsia_log_split_views').set(evidence.length)
  gauge('pyrsia_log_stopped').set(stopped ? 1 : 0)
}

function row(name: string, kind: MetricRow['kind'], labels: readonly string[], help: string): MetricRow {
  return { name, kind, labels, help }
}
