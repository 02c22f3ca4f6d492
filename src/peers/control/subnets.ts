/** Which addresses are in a subnet of one of this machine's interfaces. Adapter: it asks the operating system. */
import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Clock } from '../../base/clock.ts'

/** For how long the interfaces are taken for unchanged. */
const KEPT_MS = 30_000

/**
 * A test for IP literals: true if the address is in the subnet of an interface of this machine (loopback included). Point to
 * point links (a prefix that holds one address) count for that address only.
 */
export function createSubnetTest(dependencies: { readonly clock: Clock }): (host: string) => boolean {
  let kept: { readonly subnets: BlockList; readonly untilMs: number } | undefined
  return (host) => {
    const family = isIP(host)
    if (family === 0) return false
    const now = dependencies.clock.monotonicMs()
    if (kept === undefined || now >= kept.untilMs) kept = { subnets: readSubnets(), untilMs: now + KEPT_MS }
    return kept.subnets.check(host, family === 4 ? 'ipv4' : 'ipv6')
  }
}

function readSubnets(): BlockList {
  const subnets = new BlockList()
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { cidr, family } of addresses ?? []) {
      const [network, prefix] = cidr?.split('/') ?? []
      if (network !== undefined) subnets.addSubnet(network, Number(prefix), family === 'IPv4' ? 'ipv4' : 'ipv6')
    }
  }
  return subnets
}
