/**
 * All laws that can be shown without a server: of the ports and the engine over
 * the memory store, of its sinks, and of the differ.
 */
import * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import { verifyDiffer } from "@tidemark/laws/DifferLaws"
import type * as Law from "@tidemark/laws/Law"
import { note } from "@tidemark/laws/Scenarios"
import { verifySink } from "@tidemark/laws/SinkLaws"
import * as Store from "@tidemark/laws/Store"
import { verifyStore } from "@tidemark/laws/StoreLaws"
import * as World from "@tidemark/laws/World"
import * as MemorySink from "@tidemark/memory/MemorySink"
import * as MemoryTarget from "@tidemark/memory/MemoryTarget"
import * as Effect from "effect/Effect"

const target = MemoryTarget.make<World.Note>({ label: "target" })

export const memory: ReadonlyArray<Law.Law> = [
  ...verifyStore(Store.memory),
  ...verifySink({ schema: World.Note, sink: MemorySink.make<World.Note>({ label: "notes" }) }),
  ...verifySink({ schema: World.Note, sink: Effect.map(target, ({ sink }) => sink) }),
  ...verifyDiffer({ differ: FieldDiffer.fromSchema(World.Note), records: note })
]
