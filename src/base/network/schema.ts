/** The shape of `network.json` and its bounds, field by field. What fields say of each other is in `rules.ts`. */
import { z } from 'zod'
import { offer } from '../entries/offer.ts'
import { networkRules } from '../entries/rules.ts'
import type { Network } from './network.ts'
import { isKeyName } from './vkey.ts'

/** Most organisations of a network. */
export const ORGANISATIONS_MAX = 256
/** Most nodes to begin with. */
const BOOTSTRAP_MAX = 64
const CHECKPOINT_LENGTH_MAX = 65_536
const DAY_SECONDS = 86_400
/** The end of the year 9999. */
const SECONDS_MAX = 253_402_300_799

const keyName = z.string().refine(isKeyName, 'wanted 1 to 128 characters without spaces, plus and control characters')
const seconds = z.int().min(0).max(SECONDS_MAX)
const publicKey = z.string().refine((text) => {
  const bytes = Buffer.from(text, 'base64')
  return bytes.byteLength === 32 && bytes.toString('base64') === text
}, 'wanted an Ed25519 public key, base64 of 32 bytes')
const vkey = z.string().max(256)

const keys = z.strictObject({
  log: vkey.optional(),
  cosigner: vkey.optional(),
  consensus: publicKey.optional(),
  attestation: publicKey.optional(),
  peer: z
    .string()
    .regex(/^[1-9A-HJ-NP-Za-km-z]{40,64}$/, 'wanted a peer id such as 12D3KooW...')
    .optional(),
})

const organisation = z.strictObject({
  // As in the log's entries, which name organisations too.
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'wanted lower-case letters, digits, dots and hyphens'),
  roles: z
    .array(z.enum(['authority', 'builder', 'witness']))
    .min(1)
    .max(3),
  keys,
})

const beacon = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('local'), publicKey }),
  z.strictObject({
    kind: z.literal('drand'),
    chainHash: z.string().regex(/^[0-9a-f]{64}$/, 'wanted 32 bytes in hex'),
    publicKey: z.string().regex(/^(?:[0-9a-f]{96}|[0-9a-f]{192})$/, 'wanted 48 or 96 bytes in hex'),
    periodSeconds: z.int().min(1).max(3600),
    genesisSeconds: seconds,
    schemeId: z.string().regex(/^[a-z0-9-]{1,64}$/, 'wanted the id of a drand scheme'),
  }),
])

/** `network.json`, field by field. */
export const networkSchema: z.ZodType<Network> = z.strictObject({
  format: z.literal('pyrsia.network/1'),
  name: keyName,
  origin: keyName,
  created: seconds,
  expires: seconds,
  freshnessSeconds: z
    .int()
    .min(60)
    .max(366 * DAY_SECONDS),
  organisations: z.array(organisation).min(1).max(ORGANISATIONS_MAX),
  quorum: z.strictObject({ k: z.int().min(1), of: z.int().min(1).max(ORGANISATIONS_MAX) }),
  beacon,
  beaconDelaySeconds: z.int().min(1).max(3600),
  checkpoint: z.string().max(CHECKPOINT_LENGTH_MAX).optional(),
  bootstrap: z.array(z.string().regex(/^\/[\x21-\x7e]{1,255}$/, 'wanted a multiaddr')).max(BOOTSTRAP_MAX),
  founding: z.strictObject({ offers: z.array(offer).min(1).max(ORGANISATIONS_MAX), rules: networkRules }).optional(),
})
