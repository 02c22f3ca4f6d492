/**
 * What the fields of a network must say together: each role has its keys, no key serves twice, organisations are counted once,
 * the quorum follows from the number of authorities. Pure.
 */
import { checkPublicKey } from '../crypto/ed25519.ts'
import { AppError } from '../errors.ts'
import { checkFounding, checkFoundingSignatures } from './founding.ts'
import { isSolo, type Network, type Organisation, quorumOf, type Role, SOLO_PREFIX } from './network.ts'
import { readVkey, type VkeyType } from './vkey.ts'

const KEYS_OF: Readonly<Record<Role, ReadonlyArray<keyof Organisation['keys']>>> = {
  authority: ['log', 'cosigner'],
  builder: ['attestation'],
  witness: ['cosigner'],
}

/** Checks a network of the right shape. @throws usage.network */
export function checkNetwork(network: Network): void {
  const { organisations, quorum, origin, checkpoint, created, expires } = network
  if (expires <= created) throw refused(`an expiry after its creation ${created}`, String(expires))
  unique(
    organisations.map(({ name }) => name),
    'organisation',
  )
  for (const organisation of organisations) checkOrganisation(organisation)
  const authorities = organisations.filter(({ roles }) => roles.includes('authority'))
  if (authorities.length === 0) throw refused('at least one authority', 'none')
  const k = quorumOf(authorities.length)
  if (quorum.of !== authorities.length || quorum.k !== k) {
    throw refused(`a quorum of ${k} of ${authorities.length} authorities`, `${quorum.k} of ${quorum.of}`)
  }
  if (authorities.length > 1) {
    const without = authorities.find(({ keys }) => keys.consensus === undefined)
    if (without !== undefined) throw refused(`a consensus key of the authority ${without.name}`, 'none')
    if (isSolo(network)) throw refused(`one authority below ${SOLO_PREFIX}`, String(authorities.length))
  }
  checkKeys(network)
  checkFounding(network)
  if (checkpoint !== undefined && !checkpoint.startsWith(`${origin}\n`)) {
    throw refused(`a checkpoint of ${origin}`, JSON.stringify(checkpoint.split('\n', 1)[0]?.slice(0, 128)))
  }
}

/**
 * Looks at each key of a network as a point, once, where the network is made or comes from elsewhere: about a millisecond
 * each; and at the signatures of those who founded it. @throws usage.key, usage.network
 */
export function checkNetworkKeys({ organisations, beacon, founding }: Network): void {
  const raw = (text: string | undefined): Uint8Array[] => (text === undefined ? [] : [Buffer.from(text, 'base64')])
  const ofVkey = (text: string | undefined): Uint8Array[] => (text === undefined ? [] : [readVkey(text).publicKey])
  for (const { name, keys } of organisations) {
    const all = [...ofVkey(keys.log), ...ofVkey(keys.cosigner), ...raw(keys.consensus), ...raw(keys.attestation)]
    for (const key of all) {
      try {
        checkPublicKey(key)
      } catch (cause) {
        throw new AppError('usage.key', `a key of ${name} cannot be trusted with anything`, { cause })
      }
    }
  }
  if (beacon.kind === 'local') for (const key of raw(beacon.publicKey)) checkPublicKey(key)
  checkFoundingSignatures(founding)
}

function checkOrganisation({ name, roles, keys }: Organisation): void {
  unique(roles, `role of ${name}`)
  for (const role of roles) {
    const missing = KEYS_OF[role].find((key) => keys[key] === undefined)
    if (missing !== undefined) throw refused(`the ${missing} key of ${name}, which is ${role}`, 'none')
  }
}

/** One key is one voice: none may serve two organisations or two roles, under whatever name. */
function checkKeys({ organisations, origin }: Network): void {
  const users = new Map<string, string>()
  const names = new Set<string>([origin])
  const use = (key: string, user: string): void => {
    const other = users.get(key)
    if (other !== undefined) throw refused(`a key of its own for the ${user}`, `that of the ${other}`)
    users.set(key, user)
  }
  for (const { name, keys } of organisations) {
    if (keys.log !== undefined) {
      const log = signer(keys.log, 'ed25519', `log key of ${name}`)
      if (log.name !== origin) throw refused(`the log key of ${name} to be named ${origin}`, log.name)
      use(log.key, `log of ${name}`)
    }
    if (keys.cosigner !== undefined) {
      const cosigner = signer(keys.cosigner, 'cosignature', `cosigner key of ${name}`)
      if (names.has(cosigner.name)) throw refused(`a name of its own for the cosigner of ${name}`, cosigner.name)
      names.add(cosigner.name)
      use(cosigner.key, `cosigner of ${name}`)
    }
    if (keys.consensus !== undefined) use(keys.consensus, `consensus of ${name}`)
    if (keys.attestation !== undefined) use(keys.attestation, `attestation of ${name}`)
    if (keys.peer !== undefined) use(keys.peer, `peer of ${name}`)
  }
}

function signer(text: string, type: VkeyType, what: string): { readonly name: string; readonly key: string } {
  const found = readVkey(text)
  if (found.type !== type) throw refused(`a ${what} of the type ${type}`, found.type)
  return { name: found.name, key: Buffer.from(found.publicKey).toString('base64') }
}

function unique(values: readonly string[], what: string): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index)
  if (twice !== undefined) throw refused(`each ${what} once`, `${twice} twice`)
}

function refused(wanted: string, found: string): AppError {
  return new AppError('usage.network', `the network: wanted ${wanted}, found ${found}`)
}
