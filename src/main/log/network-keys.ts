/** Whose word counts for the log of a trust network, as its readers want it. Pure. */
import type { Network } from '../../base/network/network.ts'
import type { Vkey } from '../../base/network/vkey.ts'
import { chainOf, versionAt } from '../../log/policy/network-chain.ts'
import type { LogKeys } from '../../log/reader/judge.ts'

/** The policy of `network.json`, and of the changes of members that follow it. `witnesses`: further ones, which are shown. @throws usage.network, usage.log */
export function logKeysOf(network: Network, witnesses: readonly Vkey[] = []): LogKeys {
  const chain = chainOf(network)
  return { origin: network.origin, witnesses, policyAt: (size) => versionAt(chain, size) }
}
