/** The keys of a trust network as the readers of its log want them: who signs checkpoints, and how many must. Pure. */
import type { Network, Organisation } from '../../base/network/network.ts'
import { readVkey, type Vkey } from '../../base/network/vkey.ts'
import type { CheckpointKeys, LogKeys, MemberKey } from '../../log/reader/judge.ts'

/**
 * The keys by `network.json`. They hold for every size until member entries of the log are followed. `asked`: further witnesses, whose
 * cosignatures are kept and shown. @throws usage.network
 */
export function logKeysOf(network: Network, asked: readonly Vkey[] = []): LogKeys {
  const authorities = network.organisations.filter(({ roles }) => roles.includes('authority'))
  const others = network.organisations.filter(({ roles }) => !roles.includes('authority'))
  const keys: CheckpointKeys = {
    log: authorities.flatMap((organisation) => keyOf(organisation, 'log')),
    cosigners: authorities.flatMap((organisation) => keyOf(organisation, 'cosigner')),
    witnesses: [
      ...others.flatMap((organisation) => keyOf(organisation, 'cosigner')),
      ...asked.map((key) => ({ organisation: key.name, key })),
    ],
    quorum: network.quorum.k,
  }
  return { origin: network.origin, keysAt: () => keys }
}

function keyOf({ name, keys }: Organisation, role: 'log' | 'cosigner'): MemberKey[] {
  const vkey = keys[role]
  return vkey === undefined ? [] : [{ organisation: name, key: readVkey(vkey) }]
}
