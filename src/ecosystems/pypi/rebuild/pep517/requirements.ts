/** Requirements of builds as they may be handed to an installer, and versions that are known of the tools. Pure. PEP 508, 440. */
import { normalName } from '../../names.ts'
import { comparePypiPrecedence, isVersion, normalVersion } from '../../versions.ts'

const LENGTH_MAX = 500
/** A name, extras, specifiers, a marker; no URL, nothing that a requirements file takes for something else. */
const REQUIREMENT =
  /^(?<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[A-Za-z0-9._,\s-]*\])?\s*\(?(?:(?:===|~=|==|!=|<=|>=|<|>)\s*[\w.*+!-]+\s*,?\s*)*\)?\s*(?:;[^#$\\@\p{Cc}]*)?$/u

/** Packages whose version a wheel's WHEEL file tells, by the name that they write there. */
const MADE_BY: Readonly<Record<string, string>> = {
  bdist_wheel: 'wheel',
  setuptools: 'setuptools',
  flit: 'flit_core',
  hatchling: 'hatchling',
  'poetry-core': 'poetry-core',
  'pdm-backend': 'pdm-backend',
  'pdm-pep517': 'pdm-pep517',
  uv: 'uv_build',
}

/** The first that must not be handed to an installer: it names a URL or a file, or is none. */
export function unfitRequirement(requirements: readonly string[]): string | undefined {
  return requirements.find((text) => {
    const bare = text.trim()
    return bare.length > LENGTH_MAX || /\p{Cc}/u.test(bare) || !REQUIREMENT.test(bare)
  })
}

/** Normal names of the packages that are required. */
export function requiredNames(requirements: readonly string[]): string[] {
  return requirements.flatMap((text) => {
    const name = REQUIREMENT.exec(text.trim())?.groups?.name
    return name === undefined ? [] : normalName(name)
  })
}

/** Constraints that make an installer choose the versions (`75.1.0`, or `<62.2`) that made what was published; empty if nothing is known. */
export function pinsOf(tools: Readonly<Record<string, string>>): string[] {
  return Object.entries(tools).flatMap(([tool, version]) => {
    const name = MADE_BY[tool]
    const [operator, bare] = version.startsWith('<') ? ['<', version.slice(1)] : ['==', version]
    return name === undefined || !isVersion(bare) || bare.includes('+') ? [] : `${name}${operator}${bare}`
  })
}

/** Whether a version fits specifiers such as `>=3.8,!=3.9.*` (PEP 440); what cannot be read does not fit. */
export function fitsSpecifiers(version: string, specifiers: string): boolean {
  return specifiers
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .every((each) => fits(version, each))
}

function fits(version: string, specifier: string): boolean {
  const [, operator = '', wanted = '', wild] = /^(===|~=|==|!=|<=|>=|<|>)\s*([\w.!+-]+?)(\.\*)?$/.exec(specifier) ?? []
  if (operator === '' || !isVersion(wanted)) return false
  const isPrefix = (prefix: string): boolean => `${releaseOf(version)}.`.startsWith(`${releaseOf(prefix)}.`)
  const order = comparePypiPrecedence(version, wanted)
  switch (operator) {
    case '==':
    case '===':
      return wild === undefined ? order === 0 : isPrefix(wanted)
    case '!=':
      return wild === undefined ? order !== 0 : !isPrefix(wanted)
    case '~=':
      return order >= 0 && isPrefix(releaseOf(wanted).replace(/\.\d+$/, ''))
    case '<=':
      return order <= 0
    case '>=':
      return order >= 0
    case '<':
      return order < 0
    default:
      return order > 0
  }
}

function releaseOf(version: string): string {
  return /^\d+(?:\.\d+)*/.exec(normalVersion(version))?.[0] ?? version
}
