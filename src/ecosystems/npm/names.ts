/**
 * Names of packages and files as they stand in request paths. Source: `validate-npm-package-name` for the grammar (its rules
 * for old packages, which allow capitals), the registry's own URLs for the layout of tarballs.
 */
import { AppError } from '../../base/errors.ts'

/** The length limit of the registry; a few old names are as long. */
const NAME_LENGTH_MAX = 214
const FILE_LENGTH_MAX = 512
const PATH_NAMES_MAX = 64
const NAME = /^(?:@[\w~!'()*-][\w~!'()*.-]*\/)?[\w~!'()*-][\w~!'()*.-]*$/

/** The package that a path segment names: `express`, `@scope/name`, `@scope%2fname`. @throws usage.request */
export function readPackageName(encoded: string): string {
  const name = decodeSegment(encoded)
  if (!isPackageName(name)) {
    throw new AppError('usage.request', `wanted a package name, found ${JSON.stringify(name.slice(0, 100))}`)
  }
  return name
}

/** True if `name` may be the name of a package. */
export function isPackageName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && NAME.test(name)
}

/** A version or tag in a path. @throws usage.request */
export function readSpecifier(encoded: string): string {
  const text = decodeSegment(encoded)
  if (text.length > 256 || !/^[\w~!'()*.+-]+$/.test(text)) {
    throw new AppError('usage.request', `wanted a version or a tag, found ${JSON.stringify(text.slice(0, 100))}`)
  }
  return text
}

/** What follows `/-/` in the path of a tarball, decoded; some registries repeat the scope there. @throws usage.request */
export function readFileName(encoded: string): string {
  const file = decodeSegment(encoded)
  const segments = file.split('/')
  const isPlain = /^[\w~!'()*.@+/-]+\.tgz$/.test(file) && segments.every((part) => part !== '' && !/^\.+$/.test(part))
  if (file.length > FILE_LENGTH_MAX || !isPlain) {
    throw new AppError('usage.request', `wanted the name of a tarball, found ${JSON.stringify(file.slice(0, 100))}`)
  }
  return file
}

/**
 * Packages that the path of a tarball kept elsewhere may be of, however its registry lays them out: scoped names, single segments, and
 * what stands before the version in the name of a file.
 */
export function namesInPath(path: string): string[] {
  const segments = path.split('/').map((segment) => {
    try {
      return decodeURIComponent(segment)
    } catch {
      return segment
    }
  })
  const whole = segments.join('/').split('/')
  const scoped = whole.flatMap((scope, at) => (scope.startsWith('@') ? [`${scope}/${whole[at + 1] ?? ''}`] : []))
  const files = whole.map((segment) => segment.replace(/-v?\d[^/]*$/, ''))
  return [...new Set([...scoped, ...whole, ...files])].filter(isPackageName).slice(0, PATH_NAMES_MAX)
}

/** The name without its scope. */
export function unscopedName(name: string): string {
  return name.slice(name.indexOf('/') + 1)
}

/** A name as one path segment, in the spelling of the stock client: `@scope%2fname`. */
export function escapedName(name: string): string {
  return name.replace('/', '%2f')
}

/** The file name under which the stock registry keeps a version. */
export function tarballName(name: string, version: string): string {
  return `${unscopedName(name)}-${version}.tgz`
}

/** The path of a tarball below a registry's base. */
export function tarballPath(name: string, file: string): string {
  return `/${name}/-/${file.split('/').map(encodeFilePart).join('/')}`
}

/** The version in a tarball's file name, if the file is named as the stock registry does. */
export function versionOfTarball(name: string, file: string): string | undefined {
  const prefix = `${unscopedName(name)}-`
  const base = file.slice(file.lastIndexOf('/') + 1)
  return base.startsWith(prefix) ? base.slice(prefix.length, -'.tgz'.length) || undefined : undefined
}

function encodeFilePart(part: string): string {
  // Registries name their files with + and @ as they are.
  return encodeURIComponent(part).replaceAll('%2B', '+').replaceAll('%40', '@')
}

function decodeSegment(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch (cause) {
    const shown = JSON.stringify(encoded.slice(0, 100))
    throw new AppError('usage.request', `wanted a percent-encoded name, found ${shown}`, { cause })
  }
}
