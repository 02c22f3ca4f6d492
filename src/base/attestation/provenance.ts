/**
 * SLSA Provenance v1 (slsa.dev/spec/v1.0/provenance) as Pyrsia's builders write it: `externalParameters` holds the package and nothing
 * else, since a submission names nothing else, and `resolvedDependencies` every input by digest: source, recipe, lock, and what the
 * registry gave. Its members are a closed set: what is not known fails (attack C5). Pure.
 */
import { z } from 'zod'
import type { Json } from '../crypto/canonical-json.ts'
import { type Hex32, hex32 } from '../entries/fields.ts'
import type { Built, Source } from '../entries/result.ts'
import { AppError } from '../errors.ts'
import { DEPENDENCY_LIST_TYPE, type DependencyList, dependenciesOf, descriptorOf } from './dependencies.ts'
import {
  type AttestedBuilder,
  type AttestedRequest,
  type BuilderPredicate,
  builderOf,
  builderPredicate,
  purlShape,
  remarkShape,
  requestShape,
  timeShape,
  timeText,
} from './predicate.ts'
import type { BuildRecord, FoundSource } from './record.ts'
import { type ResourceDescriptor, readShape, resourceDescriptor } from './statement.ts'

/** Type of the predicate. */
export const PROVENANCE_TYPE = 'https://slsa.dev/provenance/v1'
/** What `buildType` says: which parameters there are, and how they are meant (docs/spec/attestations.md). */
export const BUILD_TYPE = 'https://pyrsia.io/rebuild/v1'

/** The inputs of a build as its provenance names them. */
export interface ProvenInputs {
  readonly source: Source
  readonly recipe: Hex32
  readonly lock: Hex32 | null
  /** Digest of the complete list of dependencies. */
  readonly list: Hex32
  /** The list, if it stands in the provenance itself. */
  readonly dependencies: DependencyList | undefined
}

/** A provenance, read. */
export interface Provenance {
  readonly of: AttestedRequest
  readonly inputs: ProvenInputs
  readonly builder: BuilderPredicate
  readonly startedOn: string
  readonly finishedOn: string
  readonly foundSource: FoundSource | undefined
  readonly licence: string | undefined
  /** SHA-256 of the log of the build. */
  readonly log: Hex32 | undefined
}

const foundSource: z.ZodType<FoundSource> = z.strictObject({
  grade: z.enum(['attested', 'stated', 'override', 'guessed']),
  how: remarkShape,
  revision: remarkShape,
})
const logDescriptor = z.strictObject({
  name: z.literal('log'),
  mediaType: z.literal('text/plain'),
  digest: z.strictObject({ sha256: hex32 }),
})
const provenance = z.strictObject({
  buildDefinition: z.strictObject({
    buildType: z.literal(BUILD_TYPE),
    externalParameters: z.strictObject({ purl: purlShape }),
    internalParameters: z.strictObject({
      ...requestShape,
      foundSource: foundSource.optional(),
      licence: remarkShape.optional(),
    }),
    resolvedDependencies: z.array(resourceDescriptor).min(2).max(20_003),
  }),
  runDetails: z.strictObject({
    builder: builderPredicate,
    metadata: z.strictObject({ invocationId: z.string(), startedOn: timeShape, finishedOn: timeShape }),
    byproducts: z.tuple([logDescriptor]).optional(),
  }),
})

/** What a provenance is made of. */
export interface ProvenanceFacts extends AttestedRequest, AttestedBuilder {
  readonly result: Built
  readonly record: Omit<BuildRecord, 'dependencies'>
  readonly dependencies: DependencyList
  /** True: the list stands in it; false: its digest, for a list that would make the envelope too large. */
  readonly inline: boolean
}

/** The predicate of a build. */
export function provenanceOf(facts: ProvenanceFacts): Json {
  const { network, purl, request, attempt, result, record, dependencies, inline } = facts
  const { source, licence, log, startedSeconds, finishedSeconds } = record
  const { recipe, lock } = result
  const list = inline
    ? dependencies.dependencies.map(descriptorOf)
    : [{ name: 'dependencies', mediaType: DEPENDENCY_LIST_TYPE, digest: { sha256: dependencies.digest } }]
  const resolvedDependencies: ResourceDescriptor[] = [
    sourceDescriptor(result.source),
    { name: 'recipe', digest: { sha256: recipe } },
    ...(lock === null ? [] : [{ name: 'lock', digest: { sha256: lock } }]),
    ...list,
  ]
  return {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: { purl },
      internalParameters: {
        network,
        request,
        attempt,
        ...(source !== undefined && { foundSource: source }),
        ...(licence !== undefined && { licence }),
      },
      resolvedDependencies,
    },
    runDetails: {
      builder: builderOf(facts),
      metadata: {
        invocationId: `${request}/${attempt}`,
        startedOn: timeText(startedSeconds),
        finishedOn: timeText(finishedSeconds),
      },
      ...(log !== undefined && { byproducts: [{ name: 'log', mediaType: 'text/plain', digest: { sha256: log } }] }),
    },
  } as unknown as Json
}

/** The provenance in a predicate. @throws untrusted.attestation for anything that is not to the letter, an unknown parameter above all */
export function readProvenance(predicate: Json): Provenance {
  const { buildDefinition, runDetails } = readShape('provenance', provenance, predicate)
  const { externalParameters, resolvedDependencies } = buildDefinition
  const { foundSource, licence, ...internalParameters } = buildDefinition.internalParameters
  const { startedOn, finishedOn, invocationId } = runDetails.metadata
  if (invocationId !== `${internalParameters.request}/${internalParameters.attempt}`) {
    throw refused('an invocationId of its own request')
  }
  const of = { ...internalParameters, ...externalParameters }
  const log = runDetails.byproducts?.[0].digest.sha256
  const { builder } = runDetails
  return { of, inputs: inputsOf(resolvedDependencies), builder, startedOn, finishedOn, foundSource, licence, log }
}

function sourceDescriptor(source: Source): ResourceDescriptor {
  if (source.type === 'archive') return { name: 'source', digest: { sha256: source.sha256 } }
  const { repository, commit, tree } = source
  return { name: 'source', uri: `git+${repository}`, digest: { gitCommit: commit, pyrsiaTree: tree } }
}

function inputsOf([first, second, ...more]: readonly ResourceDescriptor[]): ProvenInputs {
  const lock = more[0]?.name === 'lock' && more[0].uri === undefined ? digestOf(more[0], 'lock') : null
  const rest = lock === null ? more : more.slice(1)
  const only = rest.length === 1 && rest[0]?.mediaType === DEPENDENCY_LIST_TYPE ? rest[0] : undefined
  const dependencies = only === undefined ? dependenciesOf(rest) : undefined
  return {
    source: sourceOf(first),
    recipe: digestOf(second, 'recipe'),
    lock,
    list: dependencies?.digest ?? digestOf(only, 'dependencies'),
    dependencies,
  }
}

function sourceOf(found: ResourceDescriptor | undefined): Source {
  const { name, uri, digest } = found ?? { digest: {} }
  const { gitCommit, pyrsiaTree, sha256, ...more } = digest
  if (name !== 'source' || Object.keys(more).length > 0) throw refused('the source first')
  if (gitCommit !== undefined && pyrsiaTree !== undefined && sha256 === undefined && uri?.startsWith('git+')) {
    return { type: 'git', repository: uri.slice(4), commit: gitCommit, tree: pyrsiaTree }
  }
  if (sha256 !== undefined && gitCommit === undefined && pyrsiaTree === undefined) return { type: 'archive', sha256 }
  throw refused('a source with a commit and the digest of its tree, or with the digest of an archive')
}

function digestOf(found: ResourceDescriptor | undefined, wanted: string): Hex32 {
  const { name, digest } = found ?? { digest: {} }
  const { sha256, ...more } = digest
  if (name !== wanted || sha256?.length !== 64 || Object.keys(more).length > 0)
    throw refused(`${wanted} with its sha256`)
  return sha256
}

function refused(wanted: string): AppError {
  return new AppError('untrusted.attestation', `reading a provenance: wanted ${wanted}`)
}
