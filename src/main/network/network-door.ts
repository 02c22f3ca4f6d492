/** What `pyrsia network` and `pyrsia keys` do in a data directory; no node need run. */
import { resolve } from 'node:path'
import { AppError } from '../../base/errors.ts'
import { isSolo, networkDigest } from '../../base/network/network.ts'
import { parseNetwork } from '../../base/network/parse-network.ts'
import { checkNetworkKeys } from '../../base/network/rules.ts'
import type { KeysReport, NetworkReport } from '../../cli/context.ts'
import { findIdentity, IDENTITY_FILE } from '../../peers/identity.ts'
import { ensureDataDirectory, readConfigFile } from '../data-directory.ts'
import { makeNodeNetwork, type NetworkEffects, type NodeNetwork, readNodeNetwork } from './node-network.ts'
import { KEY_ROLES, type KeyRole, openRoleKeys } from './role-keys.ts'

/** Makes a solo network in a data directory. @throws conflict.network, usage.network, usage.config, damaged.identity, unavailable.storage */
export async function initNetwork(
  request: { readonly name: string | undefined },
  directory: string,
  effects: NetworkEffects,
): Promise<NetworkReport> {
  await ensureDataDirectory(directory)
  return reportOf(await makeNodeNetwork(directory, request, effects))
}

/**
 * A network.json of somebody else, whose keys are looked at now, or the network of a data directory.
 * @throws absent.network, usage.network, usage.key, usage.config, damaged.identity
 */
export async function showNetwork(
  request: { readonly file: string | undefined },
  directory: string,
): Promise<NetworkReport> {
  if (request.file !== undefined) {
    const file = resolve(request.file)
    const text = await readConfigFile(file)
    if (text === undefined) throw new AppError('absent.network', `there is no file ${file}`)
    const network = parseNetwork(text)
    checkNetworkKeys(network)
    return { file, network, digest: networkDigest(network), solo: isSolo(network), notes: [] }
  }
  const found = await readNodeNetwork(directory)
  if (found === undefined) {
    throw new AppError(
      'absent.network',
      `${directory} has no network.json: pyrsia start or pyrsia network init makes one`,
    )
  }
  checkNetworkKeys(found.network)
  return reportOf(found)
}

/** The public halves of the keys in a data directory. @throws usage.network, usage.config, damaged.identity */
export async function showKeys(directory: string): Promise<KeysReport> {
  const keys = openRoleKeys(directory)
  const own = (await readNodeNetwork(directory))?.own?.keys
  const identity = findIdentity(directory)
  return {
    keys: [
      {
        role: 'peer',
        file: resolve(directory, IDENTITY_FILE),
        publicKey: identity === undefined ? undefined : base64(identity.publicKey),
        text: identity?.peerId,
        does: 'says which node this is to other nodes',
        lost: 'the node comes back as a stranger with a new peer id',
        copied: 'somebody else can answer as this node, and read what it may read',
      },
      ...(Object.keys(KEY_ROLES) as KeyRole[]).map((role) => {
        const publicKey = keys.find(role)?.publicKey
        const text = role === 'log' || role === 'cosigner' ? own?.[role] : undefined
        const shown = publicKey === undefined ? undefined : base64(publicKey)
        return { role, file: keys.path(role), publicKey: shown, text: text ?? shown, ...KEY_ROLES[role] }
      }),
    ],
  }
}

function reportOf({ file, network, notes }: NodeNetwork): NetworkReport {
  return { file, network, digest: networkDigest(network), solo: isSolo(network), notes }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
