"""LocalStack's twisted server, listening where it was told to and nowhere else.

The stock one takes the port from GATEWAY_LISTEN and forgets the address.
"""

import os
import sys

from localstack.runtime.server.core import RuntimeServerPlugin


class LoopbackServerPlugin(RuntimeServerPlugin):
    name = "stack"

    def load(self, *args, **kwargs):
        from localstack.runtime.server.twisted import TwistedRuntimeServer
        from rolo.serving.twisted import TwistedGateway
        from twisted.internet import reactor

        class LoopbackServer(TwistedRuntimeServer):
            def register(self, gateway, listen, ssl_creds=None):
                # Plain HTTP only: nobody needs a certificate to talk to their own machine.
                site = TwistedGateway(gateway)
                for address in listen:
                    # Bound here rather than through an endpoint, so that a port in use ends the start.
                    reactor.listenTCP(address.port, site, interface=address.host, backlog=1024)

            def shutdown(self):
                # The hooks have run and nothing is kept. Waiting for idle threads would only take seconds.
                sys.stdout.flush()
                os._exit(0)

        return LoopbackServer()
