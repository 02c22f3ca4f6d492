/**
 * Puts the real builder together: bubblewrap, git, the registry as it was, and workers that compare. Where this machine cannot run builds
 * contained, there is no builder, and why is said; nothing is ever built without a sandbox.
 */
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { Clock, Logger, Random } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { Purl } from '../../base/purl.ts'
import type { Builder } from '../../build/builder.ts'
import type { RebuildStage } from '../../build/rebuild/parts.ts'
import { createRebuilder } from '../../build/rebuild/rebuild.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import type { UnderWayView } from '../../http/http.ts'
import type { LogReader } from '../../log/log.ts'
import { createBubblewrapSandbox } from '../../sandbox/bubblewrap.ts'
import { findBubblewrap } from '../../sandbox/find-bubblewrap.ts'
import type { JobLimits } from '../../sandbox/sandbox.ts'
import type { Transform } from '../../serve/parts.ts'
import { openGit } from '../../sources/git.ts'
import type { SourceMirror } from '../../sources/mirrors.ts'
import type { Store } from '../../store/store.ts'
import type { ProxySettings } from '../../upstream/undici.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import { openAsOfRegistry } from './as-of-registry.ts'
import { createExaminePool } from './examine-pool.ts'
import { findMapping, OWN_MAPPINGS } from './mappings.ts'
import { openAttestationVerifier } from './upstream-attestations.ts'

/** What the owner gives to builds. */
export interface BuilderOptions {
  /** The data directory. */
  readonly directory: string
  /** Jobs at a time. */
  readonly slots: number
  /** Of each job; undefined: the processors of this machine shared between the slots. */
  readonly cpuCount: number | undefined
  readonly memoryBytes: number
  readonly diskBytes: number
  readonly mirrors: readonly SourceMirror[]
  /** Folder of what was written by hand; undefined: the one that comes with Pyrsia. */
  readonly mappings: string | undefined
  /** A trusted_root.json of Sigstore; undefined: the one that comes with Pyrsia. */
  readonly sigstoreRoot: string | undefined
  readonly upstreams: readonly string[]
  readonly freshSeconds: number
  /** By which repositories are asked, too. */
  readonly proxy?: ProxySettings
  /** Where bubblewrap is; undefined: in one of the usual places. */
  readonly bubblewrap?: string
}

/** What builds stand on. */
export interface BuilderDependencies {
  readonly log: Pick<LogReader, 'find'>
  readonly store: Pick<Store, 'begin' | 'lookup' | 'open' | 'pin'>
  readonly upstream: Pick<Upstream, 'request' | 'config'>
  readonly transform: Transform
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** A builder, or why this machine has none. */
export type OpenedBuilder =
  | { readonly kind: 'ready'; readonly builder: Builder; underWay(): readonly UnderWayView[] }
  | { readonly kind: 'missing'; readonly reason: string }

const PROCESSES_MAX = 1_024
const STEP_SECONDS = 1_800
const LOG_BYTES_MAX = 16 * 1_048_576

/** Opens it; what earlier jobs left is removed. @throws usage.config, usage.request for the owner's trusted root */
export async function openRealBuilder(options: BuilderOptions, deps: BuilderDependencies): Promise<OpenedBuilder> {
  const { clock } = deps
  const bubblewrap = await findBubblewrap(options.bubblewrap)
  if (bubblewrap.kind === 'missing') {
    return { kind: 'missing', reason: `${bubblewrap.reason} (${bubblewrap.advice})` }
  }
  const folder = join(options.directory, 'builds')
  try {
    const sandbox = await createBubblewrapSandbox({ folder: join(folder, 'sandbox'), bubblewrap }, deps)
    const environment = proxyVariables(options.proxy ?? {})
    const git = { scratch: join(folder, 'sources'), mirrors: options.mirrors, environment }
    const sources = await openGit(git, { clock })
    const underWay = new Map<Purl, UnderWayView>()
    const context = {
      upstreams: options.upstreams,
      freshSeconds: options.freshSeconds,
      baseUrl: (name: string) => deps.upstream.config(name)?.url,
      verifyAttestation: await openAttestationVerifier(options.sigstoreRoot),
    }
    const examine = createExaminePool({ workers: options.slots }, { clock })
    const builder = createRebuilder({
      ...deps,
      ecosystems,
      sandbox,
      sources,
      toolchains: [sources.name],
      limits: limitsOf(options),
      openRegistry: (ecosystem, asked) => openAsOfRegistry(ecosystem, asked, { ...deps, context }),
      mapping: (purl, version) => findMapping(options.mappings ?? OWN_MAPPINGS, purl, version),
      examine,
      progress(purl, stage) {
        if (stage.kind === 'over') underWay.delete(purl)
        else underWay.set(purl, { purl, doing: doingOf(stage), sinceMs: underWay.get(purl)?.sinceMs ?? clock.nowMs() })
      },
    })
    return { kind: 'ready', builder, underWay: () => [...underWay.values()] }
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'unavailable') throw error
    return { kind: 'missing', reason: error.message }
  }
}

/** A node's proxies as git takes them; a mirror on this machine is asked directly. */
export function proxyVariables({ http, https, noProxy }: ProxySettings): Readonly<Record<string, string>> {
  const forHttps = https || http
  if (!http && !forHttps) return {}
  return {
    ...(http ? { http_proxy: http } : {}),
    ...(forHttps ? { https_proxy: forHttps } : {}),
    no_proxy: [noProxy, 'localhost,127.0.0.1,::1'].filter(Boolean).join(','),
  }
}

function limitsOf({ slots, cpuCount, memoryBytes, diskBytes }: BuilderOptions): JobLimits {
  return {
    cpuCount: cpuCount ?? Math.max(1, Math.floor(cpus().length / slots)),
    memoryBytes,
    processCount: PROCESSES_MAX,
    diskBytes,
    stepSeconds: STEP_SECONDS,
    logBytes: LOG_BYTES_MAX,
  }
}

/** A stage in words. */
function doingOf(stage: RebuildStage): string {
  switch (stage.kind) {
    case 'looking':
      return 'asks the registry what it is'
    case 'source':
      return `looks at ${stage.from}`
    case 'step':
      return `step ${stage.count}, ${stage.name}`
    case 'comparing':
      return `compares ${stage.name}`
    case 'over':
      return 'is done'
  }
}
