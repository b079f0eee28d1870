export * from "./dead-letters.ts"
export * from "./event-log.ts"
export * from "./projector.ts"
export * from "./write-back.ts"
