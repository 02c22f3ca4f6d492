/** What a node is built from: made by `daemon.ts` from flags, environment and files, used by `wire.ts`. Types only. */
import type { SettingsDoor } from '../http/api/parts.ts'
import type { ProxySettings } from '../upstream/undici.ts'
import type { UpstreamConfig } from '../upstream/upstream.ts'
import type { Config } from './config/config.ts'
import type { PolicyFile } from './policy/node-policy.ts'

/** What a node is built from. */
export interface NodeOptions {
  readonly directory: string
  readonly config: Config
  readonly upstreams: readonly UpstreamConfig[]
  readonly networkKey: Uint8Array | undefined
  readonly proxy: ProxySettings
  readonly apiToken: string
  readonly policyFile: PolicyFile
  readonly settings: SettingsDoor
  readonly version: string
  readonly pid: number
  /** Sockets that listen already, by the name of the setting of their port (`systemd/activation.ts`); absent: none. */
  readonly sockets?: ReadonlyMap<string, number>
  /** Names and addresses of this machine, allowed as Host where the registries listen on all of them. */
  readonly ownHosts: readonly string[]
}
