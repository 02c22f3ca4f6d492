/** The API's door to a log of which nobody is to ask anything but what the tests of other things need. */
import assert from 'node:assert/strict'
import type { LogDoor } from '../../src/http/api/parts.ts'
import type { LogCheckpointView } from '../../src/http/http.ts'

/** The checkpoint of a solo network's log of three entries. */
export const SAMPLE_CHECKPOINT: LogCheckpointView = {
  origin: 'local/sample',
  network: 'example',
  solo: true,
  mode: 'full',
  size: 3,
  cosignatures: [],
  quorum: { k: 1, of: 1 },
  notes: [],
}

/** A door that says nothing of any package, and fails for whoever asks more. */
export const quietLogDoor: LogDoor = {
  checkpoint: () => SAMPLE_CHECKPOINT,
  entries: () => assert.fail('entries were asked for'),
  find: () => assert.fail('the log was searched'),
  network: () => assert.fail('the network was asked for'),
  proof: () => assert.fail('a proof was asked for'),
  about: async () => ({ checkpoint: SAMPLE_CHECKPOINT, entries: [] }),
}
