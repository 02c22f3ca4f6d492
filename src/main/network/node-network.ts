/**
 * The trust network of a data directory: `network.json`, and this node's part in it. A node without one makes a solo network of
 * its own. Works without a running node: `pyrsia network` and `pyrsia keys` are built on it, and so is the start of the node.
 */
import { join } from 'node:path'
import type { Random } from '../../base/clock.ts'
import type { Signer } from '../../base/crypto/ed25519.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import { formatNetwork, isSolo, type Network, type Organisation } from '../../base/network/network.ts'
import { parseNetwork } from '../../base/network/parse-network.ts'
import { readVkey } from '../../base/network/vkey.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import { loadIdentity } from '../../peers/identity.ts'
import { readConfigFile, writeWhole } from '../data-directory.ts'
import { openRoleKeys, type RoleKeys } from './role-keys.ts'
import { makeSoloNetwork } from './solo-network.ts'

/** Name of the file within the data directory. */
export const NETWORK_FILE = 'network.json'

/** A network and what this node can do in it. */
export interface NodeNetwork {
  readonly network: Network
  /** Path of the file. */
  readonly file: string
  readonly keys: RoleKeys
  /** The organisation of whose log key this directory holds the private half; undefined: this node signs no checkpoints. */
  readonly own: Organisation | undefined
  /** Signers of the own organisation's log and cosigner keys; undefined: one of them is not here. */
  readonly signers: { readonly log: Signer; readonly cosigner: Signer } | undefined
  /** What is wrong, in sentences. */
  readonly notes: readonly string[]
}

/** What making a network takes. */
export interface NetworkEffects {
  readonly random: Random
  readonly nowSeconds: number
}

/** The network of a directory; undefined if it has none. @throws usage.network, usage.config, damaged.identity */
export async function readNodeNetwork(directory: string): Promise<NodeNetwork | undefined> {
  const file = join(directory, NETWORK_FILE)
  const text = await readConfigFile(file)
  if (text === undefined) return undefined
  let network: Network
  try {
    network = parseNetwork(text)
  } catch (cause) {
    throw new AppError('usage.network', `cannot use ${file}`, { cause })
  }
  return partIn(network, file, openRoleKeys(directory))
}

/** The network of a directory, a solo network if it has none. @throws usage.network, usage.config, damaged.identity, unavailable.storage */
export async function ensureNodeNetwork(directory: string, effects: NetworkEffects): Promise<NodeNetwork> {
  return (await readNodeNetwork(directory)) ?? (await makeNodeNetwork(directory, {}, effects))
}

/**
 * Makes a solo network in a directory that has none; keys that are there already are used again.
 * @throws conflict.network if it has one; usage.network for a bad name; usage.config, damaged.identity, unavailable.storage
 */
export async function makeNodeNetwork(
  directory: string,
  { name }: { readonly name?: string | undefined },
  { random, nowSeconds }: NetworkEffects,
): Promise<NodeNetwork> {
  const file = join(directory, NETWORK_FILE)
  if ((await readConfigFile(file)) !== undefined) {
    throw new AppError('conflict.network', `${file} is there already: its log and its proofs belong to it`)
  }
  const keys = openRoleKeys(directory)
  const { peerId } = loadIdentity(directory, { random })
  const types = ecosystems.map(({ id }) => id)
  const network = parseNetwork(formatNetwork(makeSoloNetwork(keys, random, { name, types, nowSeconds, peerId })))
  await writeWhole(file, formatNetwork(network), 0o644)
  return partIn(network, file, keys)
}

function partIn(network: Network, file: string, keys: RoleKeys): NodeNetwork {
  const notes: string[] = []
  const find = (role: 'log' | 'cosigner'): Signer | undefined => {
    try {
      return keys.find(role)
    } catch (error) {
      notes.push(`the ${role} key cannot be used: ${errorChain(error).join(': ')}`)
      return undefined
    }
  }
  const log = find('log')
  const cosigner = find('cosigner')
  const own = network.organisations.find(({ keys: { log: vkey } }) => isKeyOf(vkey, log))
  if (own === undefined && isSolo(network)) {
    notes.push(`${keys.path('log')} is not the key of the log ${network.origin}: nothing can be added to that log`)
  }
  if (own !== undefined && !isKeyOf(own.keys.cosigner, cosigner)) {
    notes.push(`${keys.path('cosigner')} is not the cosigner key of ${own.name}: its checkpoints lack that cosignature`)
  }
  const signers =
    log === undefined || cosigner === undefined || !isKeyOf(own?.keys.cosigner, cosigner)
      ? undefined
      : { log, cosigner }
  return { network, file, keys, own, signers, notes }
}

function isKeyOf(vkey: string | undefined, signer: Signer | undefined): boolean {
  if (vkey === undefined || signer === undefined) return false
  return Buffer.compare(readVkey(vkey).publicKey, signer.publicKey) === 0
}
