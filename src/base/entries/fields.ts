/** The smallest parts of log entries, and their zod schemas. Everything binary is lower-case hex: one spelling per value. */
import { z } from 'zod'

/** 32 bytes as 64 lower-case hex digits: a SHA-256, or an Ed25519 public key. */
export type Hex32 = string
/** 64 bytes as 128 lower-case hex digits: an Ed25519 signature, or a SHA-512. */
export type Hex64 = string

/** Where and when in the order of things: the block's height and the consensus time of that block. */
export interface At {
  /** Height of the block. */
  readonly heightBlock: number
  /** Consensus time of that block in seconds since 1970. */
  readonly timeSeconds: number
}

/** A whole number from 0 to 2^53 - 1. */
export const wholeNumber: z.ZodType<number> = z.int().min(0)
/** Schema of `Hex32`. */
export const hex32: z.ZodType<Hex32> = z.string().regex(/^[0-9a-f]{64}$/)
/** Schema of `Hex64`. */
export const hex64: z.ZodType<Hex64> = z.string().regex(/^[0-9a-f]{128}$/)
/** Lower-case hex of any whole number of bytes up to 128, as signatures of beacons are. */
export const hexBytes: z.ZodType<string> = z.string().regex(/^(?:[0-9a-f]{2}){1,128}$/)
/** The name of an organisation: lower-case letters, digits, dots and hyphens, at most 63. */
export const organisationName: z.ZodType<string> = z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/)
/** The type of a purl, which the core never looks into. */
export const purlType: z.ZodType<string> = z.string().regex(/^[a-z][a-z0-9.+-]{0,31}$/)
/** What a canonical purl can look like; whether it is one is `parsePurl`'s to say. */
export const purlText: z.ZodType<string> = z
  .string()
  .max(1024)
  .regex(/^pkg:[a-z][a-z0-9.+-]*\/[\x21-\x7e]+$/)
/** The origin of a log, which names the network. */
export const originText: z.ZodType<string> = z.string().regex(/^[\x21-\x2a\x2c-\x7e]{1,255}$/)
/** A word of a closed vocabulary that the core does not know (a rule's name, a toolchain): printable, no quotes, no backslash. */
export const word: z.ZodType<string> = z.string().regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,100}$/)
/** A line for people: any text without control characters, at most 500 code units. */
export const remark: z.ZodType<string> = z
  .string()
  .max(500)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u)
/** A digest with its algorithm, `sha256:…`, `sha512:…` or `sha1:…`. */
export const digestText: z.ZodType<string> = z
  .string()
  .regex(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|sha1:[0-9a-f]{40})$/)
/** Schema of `At`. */
export const at: z.ZodType<At> = z.strictObject({ heightBlock: wholeNumber, timeSeconds: wholeNumber })
