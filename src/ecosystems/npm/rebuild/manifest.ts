/** Reads manifests (`package.json`) of a source tree, which are as hostile as the tree. Pure. */
import { isObject, type JsonObject } from '../packument/packument.ts'

/** Bytes of the largest manifest that is read. */
export const MANIFEST_BYTES_MAX: number = 4 * 1_048_576

/** The object in these bytes; undefined if they hold none. */
export function readJsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = new TextDecoder().decode(bytes)
    const found: unknown = JSON.parse(text)
    return isObject(found) ? found : undefined
  } catch {
    return undefined
  }
}

/** The values of an object that are text. */
export function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) return {}
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

/** The folders that a manifest's `workspaces` name, as patterns. */
export function workspacePatterns({ workspaces }: JsonObject): readonly string[] {
  const listed = isObject(workspaces) ? workspaces.packages : workspaces
  return Array.isArray(listed) ? listed.filter((each): each is string => typeof each === 'string').slice(0, 64) : []
}
