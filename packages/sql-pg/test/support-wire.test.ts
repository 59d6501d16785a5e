// Goal: messages are cut out of the bytes as they were written, however the network cuts the bytes.
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { it } from "vitest"
import * as Conversation from "./support/Conversation.ts"
import * as Fault from "./support/Fault.ts"
import * as Wire from "./support/Wire.ts"

const message = fc.tuple(fc.constantFrom("P", "B", "E", "S", "Q"), fc.uint8Array({ maxLength: 12 }))

it("any cut of the bytes gives the same messages", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(6), { maxLength: 60 }), (messages, cuts) => {
      let rest = Buffer.concat(messages.map(([type, body]) => Wire.encode(type, Buffer.from(body))))
      const read: Array<readonly [string, ReadonlyArray<number>]> = []
      const reader = Wire.makeReader({
        isTyped: () => true,
        onMessage: (each) => read.push([each.type, [...each.body]])
      })
      for (const cut of cuts) {
        reader(rest.subarray(0, cut))
        rest = rest.subarray(cut)
      }
      reader(rest)
      assert.deepEqual(
        read,
        messages.map(([type, body]) => [type, [...body]])
      )
    })
  )
})

it("a length that cannot be is refused", () => {
  const reader = Wire.makeReader({ isTyped: () => true, onMessage: () => undefined })
  assert.throws(() => reader(Buffer.from([81, 0, 0, 0, 3])), /a message of 3 bytes/)
})

it("the texts that commit, and those that do not", () => {
  const texts: Record<string, boolean> = {
    COMMIT: true,
    "commit;": true,
    " commit work ": true,
    "end transaction": true,
    "insert into t values (1); commit": true,
    "commit prepared 'x'": false,
    "commit; select 1": false,
    "select 'commit'": false,
    "select case when true then 1 end": false,
    "RELEASE SAVEPOINT s": false
  }
  for (const [text, expected] of Object.entries(texts)) assert.equal(Fault.isCommit(text), expected, text)
})

it("an answer belongs to the message it answers, past errors and what they skip", () => {
  const conversation = Conversation.make<string>()
  const typed = (type: string): Wire.Message => ({ type, body: Buffer.alloc(4), bytes: Buffer.alloc(0) })
  const send = (types: string, cycle: number) => {
    for (const type of types) conversation.send(typed(type), `${type}${cycle}`)
  }
  const receive = (types: string) => [...types].map((type) => conversation.receive(typed(type))?.note)
  send("PBDES", 1)
  send("PBES", 2)
  assert.deepEqual(receive("12nNCZ"), ["P1", "B1", "D1", undefined, "E1", "S1"])
  assert.deepEqual(receive("1EZ"), ["P2", "B2", "S2"])
  send("PB", 3)
  assert.deepEqual(receive("E"), ["P3"])
  send("ES", 3)
  send("Q", 4)
  assert.deepEqual(receive("ZTDCTDCZ"), ["S3", "Q4", "Q4", "Q4", "Q4", "Q4", "Q4", "Q4"])
})
