/**
 * The complete list of what went into a build, by digest. Builders must agree on it: its digest stands in their results; the list itself
 * in their statements, or, where it is too long for an envelope, in a blob of its own. 2-trust.md, "Attestation". Pure.
 */
import { hash } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson, type Json, parseCanonicalJson } from '../crypto/canonical-json.ts'
import { type Hex32, hex32 } from '../entries/fields.ts'
import { AppError } from '../errors.ts'
import { type ResourceDescriptor, readShape } from './statement.ts'

/** A file of the registry that a build was given. */
export interface Dependency {
  /** A purl, or the https URL that it was had by. */
  readonly uri: string
  /** Its file name. */
  readonly name: string
  readonly sha256: Hex32
  /** A tool of the build, not something that may get into the package. */
  readonly tool: boolean
}

/** The list, in the one form that has a digest. */
export interface DependencyList {
  /** In order, each once. */
  readonly dependencies: readonly Dependency[]
  readonly bytes: Uint8Array
  /** SHA-256 of `bytes`. */
  readonly digest: Hex32
}

/** Media type of the blob. */
export const DEPENDENCY_LIST_TYPE = 'application/vnd.pyrsia.dependencies.v1+json'
/** Bytes of the longest list. */
export const DEPENDENCY_LIST_BYTES_MAX = 4_194_304

const text = z.string().min(1).max(1024)
const descriptor = z.strictObject({
  name: text,
  uri: text,
  digest: z.strictObject({ sha256: hex32 }),
  annotations: z.strictObject({ tool: z.literal(true) }).optional(),
})
const descriptors = z.array(descriptor).max(20_000)

/** The list of these, whatever their order and however often each is named. */
export function dependencyList(given: Iterable<Dependency>): DependencyList {
  const byText = new Map<string, Dependency>()
  for (const one of given) byText.set(JSON.stringify([one.uri, one.name, one.sha256, one.tool]), one)
  const dependencies = [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
  const bytes = canonicalJson(dependencies.map(descriptorOf) as unknown as Json)
  return { dependencies, bytes, digest: hash('sha256', bytes, 'hex') }
}

/** A dependency as statements write it. */
export function descriptorOf({ uri, name, sha256, tool }: Dependency): ResourceDescriptor {
  return { name, uri, digest: { sha256 }, ...(tool && { annotations: { tool: true } }) }
}

/** The dependencies that these descriptors name. @throws untrusted.attestation if they are no list in its one form */
export function dependenciesOf(given: readonly unknown[]): DependencyList {
  const found = readShape('list of dependencies', descriptors, given).map(
    ({ name, uri, digest, annotations }): Dependency => {
      return { uri, name, sha256: digest.sha256, tool: annotations?.tool ?? false }
    },
  )
  const list = dependencyList(found)
  if (Buffer.compare(list.bytes, canonicalJson(given as Json)) === 0) return list
  throw new AppError('untrusted.attestation', 'reading a list of dependencies: wanted them in order, each once')
}

/** The list in a blob. @throws untrusted.attestation */
export function parseDependencyList(bytes: Uint8Array): DependencyList {
  let found: Json
  try {
    found = parseCanonicalJson(bytes, { bytesMax: DEPENDENCY_LIST_BYTES_MAX })
  } catch (cause) {
    throw new AppError('untrusted.attestation', 'reading a list of dependencies: wanted canonical JSON', { cause })
  }
  return dependenciesOf(Array.isArray(found) ? found : [found])
}
