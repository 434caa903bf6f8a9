package example.demo;

import org.springframework.cloud.client.ServiceInstance;
import org.springframework.cloud.client.loadbalancer.CompletionContext;
import org.springframework.cloud.client.loadbalancer.LoadBalancerLifecycle;
import org.springframework.cloud.client.loadbalancer.Request;
import org.springframework.cloud.client.loadbalancer.Response;
import org.springframework.stereotype.Component;

/** Remembers which instance the load balancer chose last in this thread, after retries too. */
@Component
class ChosenInstance implements LoadBalancerLifecycle<Object, Object, ServiceInstance> {
    private final ThreadLocal<String> address = new ThreadLocal<>();

    /** Returns the instance's host:port and forgets it; null if none was available. */
    String take() {
        String taken = address.get();
        address.remove();
        return taken;
    }

    @Override
    public void onStart(Request<Object> request) {}

    @Override
    public void onStartRequest(Request<Object> request, Response<ServiceInstance> chosen) {
        if (chosen.hasServer()) {
            address.set(chosen.getServer().getHost() + ":" + chosen.getServer().getPort());
        }
    }

    @Override
    public void onComplete(CompletionContext<Object, ServiceInstance, Object> completion) {}
}
