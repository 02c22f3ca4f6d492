/** The API's door to builds of which nobody is to ask anything. */
import assert from 'node:assert/strict'
import type { BuildDoor } from '../../src/http/api/parts.ts'

/** A door that fails for whoever asks anything. */
export const quietBuilds: BuildDoor = {
  notes: () => [],
  underWay: () => [],
  submit: () => assert.fail('a build was asked for'),
  status: () => assert.fail('a build was looked at'),
  list: () => assert.fail('builds were listed'),
  order: () => assert.fail('a transaction was to be ordered'),
  dispute: () => assert.fail('a verdict was doubted'),
  revoke: () => assert.fail('a package was withdrawn'),
}
