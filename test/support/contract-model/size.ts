/** How many operations a history may have: 3 by default, which takes seconds; `npm run test:model` asks for 4. */
export function operationsAHistory(): number {
  const operations = Number(process.env.MODEL_OPERATIONS ?? "3")
  if (!Number.isInteger(operations) || operations < 2 || operations > 4)
    throw new Error("MODEL_OPERATIONS must be 2, 3 or 4")
  return operations
}
