import * as path from "node:path"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Commands are started by the hundred: what one compiled, the next one need not.
    env: { NODE_COMPILE_CACHE: path.join(import.meta.dirname, "node_modules/.cache/node") },
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
