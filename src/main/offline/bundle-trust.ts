/** This node's key and its trust as bundles use them. Used by `wire.ts`. */
import type { Random } from '../../base/clock.ts'
import { verifyEd25519 } from '../../base/crypto/ed25519.ts'
import { AppError } from '../../base/errors.ts'
import type { BundleTrust } from '../../keep/bundle/manifest.ts'
import { loadIdentity, publicKeyOf } from '../../peers/identity.ts'

/** @throws usage.config, damaged.identity */
export function bundleTrust(
  directory: string,
  trustPeers: readonly string[],
  dependencies: { readonly random: Random },
): BundleTrust {
  const identity = loadIdentity(directory, dependencies)
  return {
    peerId: identity.peerId,
    sign: (message) => identity.sign(message),
    verify(peerId, message, signature) {
      try {
        return verifyEd25519(publicKeyOf(peerId), message, signature)
      } catch (error) {
        if (error instanceof AppError) return false
        throw error
      }
    },
    trusts: (peerId) => peerId === identity.peerId || trustPeers.includes(peerId),
  }
}
