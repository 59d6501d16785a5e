// Goal: the memory store keeps the laws of events.
// Guarantees: L24, L25, L26, L27, L28, L29, L30, L32, L33, L34, L50, W75.
import { verifyInbox, verifyOutbox } from "@tidemark/laws/EventLaws"
import * as EventStore from "@tidemark/laws/events/EventStore"
import { describe, it } from "vitest"
import { settings } from "./support/settings.ts"

describe("events in the memory store", () => {
  for (const law of [...verifyOutbox(EventStore.memory), ...verifyInbox(EventStore.memory)]) {
    it(law.name, () => law.check(settings()))
  }
})
