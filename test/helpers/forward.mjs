// A forwarder and its server for each element of the JSON in the first argument, from the built package; prints the
// addresses that they listen on. With "strategies" it can be anything that the classes take as plain options.
import { createServer, Forwarder } from 'headrace'

for (const { forwarder, server } of JSON.parse(process.argv[2])) {
  const { addresses } = await createServer(new Forwarder(forwarder), { listen: ['127.0.0.1:0'], ...server })
  console.log(typeof addresses[0] === 'string' ? addresses[0] : `${addresses[0].address}:${addresses[0].port}`)
}
