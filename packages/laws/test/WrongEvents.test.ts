// Goal: each wrong store of events is caught by the law that is against it.
// Guarantees: L24, L25, L26, L27, L28, L30, L32, L33, L34, L36, L50, W31, W32, W38, W48, W75, W76.
import { verifyInbox, verifyOutbox } from "@tidemark/laws/EventLaws"
import { describe, it } from "vitest"
import { isCaught } from "./support/caught.ts"
import * as Wrong from "./support/wrongDeliveries.ts"

type Name = keyof typeof Wrong.wrongDeliveries

const outbox = (design: string, patch: Name, id: string, about?: string) =>
  it(`${design} is caught by ${id}`, () => isCaught(verifyOutbox(Wrong.store(Wrong.wrongDeliveries[patch])), id, about))

const inbox = (design: string, patch: Name, id: string) =>
  it(`${design} is caught by ${id}`, () => isCaught(verifyInbox(Wrong.store(Wrong.wrongDeliveries[patch])), id))

describe("a wrong outbox", () => {
  outbox("L28 W76 a reader that goes on behind the last position", "offsetReader", "L27")
  outbox("L28 a log read behind the last position", "offsetLog", "L28")
  outbox("L28 a log read up to the newest but one", "almostOffsetLog", "L28")
  outbox("L28 a horizon that is asked for after the look", "horizonAfterwards", "L28")
  outbox("W29 a claim without heads", "noHeads", "L34")
  outbox("W29 a claim without heads", "noHeads", "L27")
  outbox("W36 attempts counted when they fail", "countsFailures", "L34")
  outbox("W76 attempts counted for what was not handed out", "countsUnseen", "L34")
  outbox("a lease that never runs out", "neverTakesOver", "L34")
  outbox("a lease that holds nobody off", "takesOverEarly", "L34")
  outbox("a queue of all tenants", "oneTenantFirst", "O25")
  outbox("W27 versions that a process does not know", "anyVersion", "L34")
  outbox("W41 a settlement without epoch", "noEpoch", "L34")
  outbox("W41 a settlement without epoch", "noEpoch", "L26")
  outbox("W38 an acknowledgement of its own", "acknowledgesApart", "L50")
  outbox("W34 a dead letter that is the end", "neverRedrives", "L30")
  outbox("a dead letter redriven twice", "redrivesTwice", "L50")
  outbox("a dead letter redriven twice", "redrivesTwice", "L30")
  outbox("a redriven delivery that its first holder can settle", "forgetsEpochs", "L30")
  outbox("a redriven delivery in its line", "redrivesInLine", "L34")
  outbox("a redriven delivery that its first holder can settle", "forgetsEpochs", "L34")
  outbox("W75 a registration that waits for nobody", "registersUnlocked", "W75")
  outbox("a consumer that retires in name", "retiresInName", "L50")
  outbox("a consumer that retires whatever it is owed", "retiresDespite", "L50")
  outbox("a delivery that is skipped before its turn", "skipsAhead", "L25", "an operator")
  outbox("what processes died with that nobody is told of", "forgetsCrashes", "L25", "an operator")
  outbox("a list whose pieces do not go on", "repeatsPieces", "L25", "an operator")
  outbox("failures that are not counted", "countsNoFailures", "L25", "an operator")
  outbox("a pause that is none", "neverPauses", "L34")
  outbox("a consumer without past", "missesThePast", "W75")
  outbox("W42 receipts that are lost", "activatesAnew", "L50")
  outbox("W30 events in a transaction of their own", "eventsApart", "L50")
  outbox("W30 W37 events in a transaction of their own", "eventsApart", "L24")
  outbox("W32 another event under an id that is known", "passesOver", "L50")
  outbox("an event that becomes its appender's", "takesForeign", "L36")
  outbox("W70 an event that is another one when it is appended again", "appendsAnew", "L50")
  outbox("numbers in a transaction of their own", "numbersApart", "O29")
})

describe("a wrong inbox", () => {
  inbox("W38 a mark before the effect", "marksBefore", "L26")
  inbox("W31 a look before the effect", "looksOnly", "L26")
  inbox("W32 ids of all tenants", "oneTenant", "I09")
  inbox("contents that are not compared", "forgetsContents", "I09")
  inbox("a claim finished late", "finishesLate", "L32")
  inbox("W48 a claim that is never given again", "strands", "L32")
})
