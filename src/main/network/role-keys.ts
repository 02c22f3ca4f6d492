/**
 * The keys of this node's roles in a trust network: one Ed25519 key each in `<data>/keys/<role>.key` (PKCS #8 PEM, mode 0600), made
 * when a network of its own is made, never logged, never shared between roles. The node's identity is none of them (`peers/identity.ts`).
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../../base/clock.ts'
import { type Signer, signerOfSeed } from '../../base/crypto/ed25519.ts'
import { AppError, wrapError } from '../../base/errors.ts'
import { KEY_BYTES, privateKeyOfSeed, seedOf } from '../../peers/identity.ts'
import { readKeyFile, writeKeyFile } from '../../peers/key-file.ts'

/** A role of a key, in the order in which they are shown. */
export type KeyRole = 'log' | 'cosigner' | 'consensus' | 'attestation' | 'beacon'

/** What each key does, what is lost with it, and what somebody could do who has a copy. */
export const KEY_ROLES: Readonly<
  Record<KeyRole, { readonly does: string; readonly lost: string; readonly copied: string }>
> = {
  log: {
    does: "signs the log's checkpoints",
    lost: 'nothing more can be added to the log; its proofs keep verifying until the network expires',
    copied: 'a second history can be signed, which counts for nobody who demands the cosignatures',
  },
  cosigner: {
    does: 'cosigns checkpoints, with the time, after checking that nothing was taken back',
    lost: 'one cosignature fewer; the network needs a new member entry for this organisation',
    copied: 'checkpoints can be cosigned that take something back, together with enough other cosigners',
  },
  consensus: {
    does: 'signs transactions of the consensus',
    lost: 'this organisation no longer takes part in deciding',
    copied: 'one voice of this organisation in deciding',
  },
  attestation: {
    does: 'signs what came out of builds',
    lost: 'builds of this node no longer count; what it attested stays valid',
    copied: 'builds can be made up in the name of this organisation, one voice of the quorum',
  },
  beacon: {
    does: 'makes the local randomness of a network without a public beacon',
    lost: 'no new selections of builders in that network',
    copied: 'selections can be foreseen and steered, as by the owner',
  },
}

/** The keys of one data directory. */
export interface RoleKeys {
  /** Where the key of a role is, or would be. */
  path(role: KeyRole): string
  /** Its signer; undefined if there is no such key. @throws usage.config, damaged.identity */
  find(role: KeyRole): Signer | undefined
  /** The seed of the local beacon's key, which its rounds are made with; undefined if there is no such key. @throws usage.config, damaged.identity */
  beaconSeed(): Uint8Array | undefined
  /** Its signer, made if there is none yet. @throws usage.config, damaged.identity, unavailable.storage */
  make(role: KeyRole, random: Random): Signer
}

/** The keys below `<directory>/keys`. Nothing is read or made before it is asked for. */
export function openRoleKeys(directory: string): RoleKeys {
  const folder = join(directory, 'keys')
  const path = (role: KeyRole): string => join(folder, `${role}.key`)
  const find = (role: KeyRole): Signer | undefined => {
    const privateKey = readKeyFile(path(role))
    return privateKey === undefined ? undefined : signerOfSeed(seedOf({ privateKey }))
  }
  return {
    path,
    find,
    beaconSeed() {
      const privateKey = readKeyFile(path('beacon'))
      return privateKey === undefined ? undefined : seedOf({ privateKey })
    },
    make(role, random) {
      const kept = find(role)
      if (kept !== undefined) return kept
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        writeKeyFile(path(role), privateKeyOfSeed(random.bytes(KEY_BYTES)))
      } catch (error) {
        throw wrapError(error, 'unavailable.storage', `cannot make the key ${path(role)}`)
      }
      const made = find(role)
      if (made === undefined) throw new AppError('damaged.identity', `wrote ${path(role)}, then found it missing`)
      return made
    },
  }
}
