/** One cell of the fault table for each step; `test/kit/log-faults.test.ts` runs them all. */
import { test } from 'node:test'
import {
  killedAppender,
  killedCosigner,
  killedMirror,
  oneCellOfEach,
  stumblingAppender,
} from '../../test/kit/log-faults.ts'

test('the appender, killed at any write, sync or rename that failed, or was done and said to have failed, loses nothing and signs no second history', () =>
  killedAppender(oneCellOfEach))

test('the appender goes on in the same process after any write, sync or rename failed once', () =>
  stumblingAppender(oneCellOfEach))

test('a mirror that is killed at any write, sync or rename takes the log in when it starts again', () =>
  killedMirror(oneCellOfEach))

test('the cosigner that is killed at any write, sync or rename still refuses a second history of everything that it signed', () =>
  killedCosigner(oneCellOfEach))
