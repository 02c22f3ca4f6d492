/**
 * Lists of many packages' releases, as some clients fall back to: releases that the policy denies are left out of them too. A list
 * states no times, so that a minimum age is applied at the release itself. Judged package by package, other requests having
 * their turn between, and remembered while body and policy stay.
 */
import type { BlobId } from '../../base/digest.ts'
import type { StoredDocument } from '../../base/document.ts'
import { AppError } from '../../base/errors.ts'
import type { Purl } from '../../base/purl.ts'
import { collect } from '../../base/streams.ts'
import { type Ecosystem, type HiddenRelease, precedenceOf } from '../../ecosystems/ecosystem.ts'
import type { PackageQuestion } from '../../policy/policy.ts'
import type { Variants } from '../documents/variants.ts'
import type { ServeParts } from '../parts.ts'
import { type Held, type Listed, NOTHING_HELD } from './rules.ts'

/** Packages after which other requests have their turn: some milliseconds' worth. */
const PACKAGES_PER_TURN = 1_000
/** Lists whose decisions are remembered; an ecosystem has a handful. */
const REMEMBERED_MAX = 8

interface Decided {
  readonly revision: string
  readonly validUntilMs: number
  readonly held: Held
}

/** The policy on lists, with nothing remembered yet. `life` ends work that is under way when the node stops. */
export function createListed(parts: ServeParts, variants: Variants, life: AbortSignal): Listed {
  const decided = new Map<BlobId, Decided>()

  async function textOf(document: StoredDocument, ecosystem: Ecosystem, view: string, signal: AbortSignal) {
    const { blob } = await variants.get(document, ecosystem, view, signal)
    const reader = await parts.store.open(blob.id)
    try {
      return (await collect(reader.stream(undefined, signal), parts.limits.viewBytesMax)).toString('utf8')
    } finally {
      await reader.close()
    }
  }

  async function decide(text: string, ecosystem: Ecosystem): Promise<Omit<Decided, 'revision'>> {
    const hidden: HiddenRelease[] = []
    let validUntilMs = Number.POSITIVE_INFINITY
    let turn = PACKAGES_PER_TURN
    for (const line of text.split('\n')) {
      if (--turn < 0) {
        turn = PACKAGES_PER_TURN
        await parts.clock.sleep(0, life)
      }
      const [name = '', ...versions] = line.split('\t')
      const purl = purlOf(ecosystem, name)
      if (purl === undefined) continue
      const question = { ecosystem: ecosystem.id, purl, name, nowMs: parts.clock.nowMs() }
      const found = deniedOf(question, versions, ecosystem)
      hidden.push(...found.hidden)
      validUntilMs = Math.min(validUntilMs, found.validUntilMs)
    }
    return { validUntilMs, held: hidden.length === 0 ? NOTHING_HELD : { hidden, all: undefined, notice: undefined } }
  }

  function deniedOf(question: PackageQuestion, versions: readonly string[], ecosystem: Ecosystem) {
    const { policy } = parts
    // A package that is refused as a whole stays: its client asks for it then, and is told why; else it would say "not found".
    const isRefused = policy.admit(question).kind === 'deny'
    if (isRefused || !policy.interest(question).releases) return { hidden: [], validUntilMs: Number.POSITIVE_INFINITY }
    const releases = versions.map((version) => ({ version, releasedAtMs: undefined }))
    const answers = policy.judge({ ...question, releases, statesTimes: false, compare: precedenceOf(ecosystem) })
    const hidden = [...answers.byVersion].flatMap(([version, answer]) =>
      answer.kind === 'deny' ? [{ package: question.name, version, reason: answer.reason.message }] : [],
    )
    return { hidden, validUntilMs: answers.validUntilMs }
  }

  return {
    async held(document, ecosystem, signal) {
      const view = ecosystem.releases?.packagesView
      const { policy, clock } = parts
      const { body } = document
      if (view === undefined || body === undefined || !policy.hides(ecosystem.id)) return NOTHING_HELD
      const before = decided.get(body)
      const { revision } = policy
      if (before?.revision === revision && clock.nowMs() < before.validUntilMs) return before.held
      const made = { revision, ...(await decide(await textOf(document, ecosystem, view, signal), ecosystem)) }
      const [oldest] = decided.keys()
      decided.delete(body)
      if (decided.size >= REMEMBERED_MAX && oldest !== undefined) decided.delete(oldest)
      decided.set(body, made)
      return made.held
    },
  }
}

function purlOf(ecosystem: Ecosystem, name: string): Purl | undefined {
  if (name === '') return undefined
  try {
    return ecosystem.coordinates.toPurl(name)
  } catch (error) {
    if (error instanceof AppError && error.kind === 'usage') return undefined
    throw error
  }
}
