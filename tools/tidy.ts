/**
 * The repository rules, as tests (`tools/tidy.test.ts`) and as a list (`npm run tidy`). Each rule is a pure function over the
 * texts of the files, with a self-test that shows it firing; what they allow stands in `tools/tidy-rules.ts`.
 */
import { fileURLToPath } from 'node:url'
import { ERROR_CODES } from '../src/base/errors.ts'
import { checkEffects } from './tidy/effects.ts'
import { checkCycles, checkLayers } from './tidy/imports.ts'
import { checkErrorCodes, checkLockfile, checkMap } from './tidy/records.ts'
import { readRepository } from './tidy/repository.ts'
import {
  checkDocstrings,
  checkExports,
  checkFileSizes,
  checkFolderSizes,
  checkFunctionSizes,
  checkNames,
} from './tidy/shape.ts'
import type { Finding, Source } from './tidy/source.ts'
import { checkVerifiers } from './tidy/verifiers.ts'
import { checkEcosystemWords, checkHosts, checkNotes } from './tidy/words.ts'
import { OWED, REPORT_ONLY } from './tidy-rules.ts'

/** Every rule by its name. */
export const RULES: Readonly<Record<string, (sources: readonly Source[]) => Finding[]>> = {
  layers: checkLayers,
  cycles: checkCycles,
  effects: checkEffects,
  verifiers: checkVerifiers,
  'ecosystem-words': checkEcosystemWords,
  hosts: checkHosts,
  notes: checkNotes,
  names: checkNames,
  'file-size': checkFileSizes,
  'function-size': checkFunctionSizes,
  'folder-size': checkFolderSizes,
  docstrings: checkDocstrings,
  exports: checkExports,
  lockfile: checkLockfile,
  map: checkMap,
  'error-codes': (sources) => checkErrorCodes(sources, Object.keys(ERROR_CODES)),
}

/** Findings without those that are owed, and a finding for each entry of `owed` that is no longer needed. */
export function settle(findings: readonly Finding[], owed: readonly string[]): Finding[] {
  const keys = new Set(findings.map(({ rule, path }) => `${rule} ${path}`))
  const stale = owed
    .filter((entry) => !keys.has(entry))
    .map((entry) => ({
      rule: 'owed',
      path: 'tools/tidy-rules.ts',
      line: 0,
      message: `${entry} is paid: take it off OWED`,
    }))
  return [...findings.filter(({ rule, path }) => !owed.includes(`${rule} ${path}`)), ...stale]
}

/** A finding as editors and terminals link it. */
export function formatFinding({ rule, path, line, message }: Finding): string {
  return `${path}${line > 0 ? `:${line}` : ''}: ${message} [${rule}]`
}

/** All findings on the repository that holds this file. */
export function tidy(): Finding[] {
  const sources = readRepository(fileURLToPath(new URL('..', import.meta.url)))
  return settle(
    Object.values(RULES).flatMap((rule) => rule(sources)),
    OWED,
  )
}

if (import.meta.main) {
  const findings = tidy()
  for (const finding of findings) process.stdout.write(`${formatFinding(finding)}\n`)
  process.stdout.write(`${findings.length} finding${findings.length === 1 ? '' : 's'}\n`)
  process.exitCode = findings.every(({ rule }) => REPORT_ONLY.includes(rule)) ? 0 : 1
}
