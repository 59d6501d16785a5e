// Goal: the memory store keeps the laws of retention, and wrong retentions are caught.
// Guarantees: L31, O20, W42.
import { verifyRetention } from "@tidemark/laws/EventLaws"
import * as RetentionStore from "@tidemark/laws/events/RetentionStore"
import { describe, it } from "vitest"
import { isCaught } from "./support/caught.ts"
import { settings } from "./support/settings.ts"
import { store, wrongRetentions } from "./support/wrongRetentions.ts"

describe("retention in the memory store", () => {
  for (const law of verifyRetention(RetentionStore.memory)) it(law.name, () => law.check(settings()))
})

describe("a wrong retention", () => {
  const caught = (design: string, name: keyof typeof wrongRetentions, about: string) =>
    it(`L31 ${design} is caught`, () => isCaught(verifyRetention(store(wrongRetentions[name])), "L31", about))

  caught("O20 that removes what is not delivered", "removesUndelivered", "an event")
  caught("O20 that removes what was given up", "removesDead", "an event")
  caught("that removes what a consumer has yet to be given", "removesMissed", "an event")
  caught("W42 that removes receipts by their own age", "removesReceipts", "an event")
  caught("that removes more than it was asked to at once", "isUnbounded", "an event")
  caught("that stops after one piece", "stopsEarly", "an event")
  caught("that removes nothing", "removesNothing", "an event")
  caught("O20 that forgets messages that are young", "removesYoung", "a message")
  caught("W42 that forgets messages with their event", "cascades", "a message")
  caught("that forgets messages whose effect is unsure", "removesUnfinished", "a message")
  caught("that forgets messages whose event is still to be delivered", "removesRemembered", "a message")
  caught("that removes the last run of a lane", "removesLastRuns", "a run")
  caught("that removes items of runs that stay", "removesItems", "a run")
  caught("that removes refusals that wait", "removesRefusals", "a run")
})
