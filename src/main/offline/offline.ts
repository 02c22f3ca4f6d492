/** The parts for offline use, put together: syncs over the read flow, and bundles over what they keep. Used by `wire.ts`. */
import { arch } from 'node:os'
import type { Clock, Logger, Random } from '../../base/clock.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import { createBundles } from '../../keep/bundle/bundle.ts'
import type { Bundles, Sync } from '../../keep/keep.ts'
import { createSync } from '../../keep/sync/sync.ts'
import type { Serve } from '../../serve/serve.ts'
import type { Store } from '../../store/store.ts'
import type { NodeOptions } from '../node-options.ts'
import { asClient, containerPlatform } from './as-client.ts'
import { bundleTrust } from './bundle-trust.ts'

/** What they stand on. */
export interface OfflineDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly store: Store
  readonly serve: Pick<Serve, 'handle'>
  /** URLs by the ids of ecosystems. */
  readonly endpoints: Readonly<Record<string, string>>
}

/** `sync` must be closed. @throws usage.config, damaged.identity */
export function createOffline(
  { directory, config }: Pick<NodeOptions, 'directory' | 'config'>,
  { serve, endpoints, ...deps }: OfflineDependencies,
): { readonly sync: Sync; readonly bundles: Bundles } {
  const { store, clock } = deps
  const sync = createSync(
    { ecosystems, platform: containerPlatform(arch()) },
    { ...deps, ask: (asked) => serve.handle(asClient(asked, endpoints)) },
  )
  const trust = bundleTrust(directory, config.values.trustPeer, deps)
  return { sync, bundles: createBundles({ store, trust, clock, keptFor: (label) => sync.kept(label) }) }
}
