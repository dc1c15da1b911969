// A server for the example: two resources, and a way to end it.
import { createServer } from 'node:http';

const fruit = [
  { name: 'apple', colour: 'red', price: 3 },
  { name: 'banana', colour: 'yellow', price: 2 },
  { name: 'cherry', colour: 'red', price: 9 },
];

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://127.0.0.1');
  console.log(`${request.method} ${request.url}`);
  if (pathname === '/fruit') {
    const colour = searchParams.get('colour');
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(fruit.filter((one) => !colour || one.colour === colour)));
  } else if (pathname === '/fruit.csv') {
    response.setHeader('content-type', 'text/csv');
    response.end(['name,colour,price', ...fruit.map((one) => Object.values(one).join(',')), ''].join('\n'));
  } else if (pathname === '/stop' && request.method === 'POST') {
    response.statusCode = 202;
    response.end(() => {
      server.close();
      server.closeAllConnections();
    });
  } else {
    response.statusCode = 404;
    response.end();
  }
});
server.listen(Number(process.env.PORT), '127.0.0.1');
