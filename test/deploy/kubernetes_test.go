package deploy

import (
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// The names of the present deployment, which others in the cluster go by.
const (
	name            = "user-sync-service"
	configMapName   = "user-sync-service-config"
	roleMapName     = "user-sync-service-role-map"
	secretName      = "keycloak-client-secrets"
	clientIDKey     = "user-sync-service-client-id"
	clientSecretKey = "user-sync-service-client-secret"
)

// ours is the label that everything has, and by which pods are found.
var ours = map[string]string{"app": name}

// manifests are the objects that the folder makes.
type manifests struct {
	deployment appsv1.Deployment
	service    corev1.Service
	config     corev1.ConfigMap
	roleMap    corev1.ConfigMap
	budget     policyv1.PodDisruptionBudget
	network    networkingv1.NetworkPolicy
	monitor    monitoringv1.ServiceMonitor
}

// build builds the folder as kubectl does, and reads each object strictly: an unknown or a
// repeated field is an error.
func build(t *testing.T) manifests {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), deployFolder+"/kubernetes")
	require.NoError(t, err)

	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, corev1.AddToScheme, policyv1.AddToScheme, networkingv1.AddToScheme, monitoringv1.AddToScheme,
	} {
		require.NoError(t, add(scheme))
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var m manifests
	kinds := make(map[string]int)
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		require.NoError(t, err)
		object, kind, err := decoder.Decode(text, nil, nil)
		require.NoError(t, err, "%s", text)
		kinds[kind.Kind]++
		switch object := object.(type) {
		case *appsv1.Deployment:
			m.deployment = *object
		case *corev1.Service:
			m.service = *object
		case *corev1.ConfigMap:
			if object.Name == roleMapName {
				m.roleMap = *object
			} else {
				m.config = *object
			}
		case *policyv1.PodDisruptionBudget:
			m.budget = *object
		case *networkingv1.NetworkPolicy:
			m.network = *object
		case *monitoringv1.ServiceMonitor:
			m.monitor = *object
		default:
			require.Fail(t, "an object that no test looks at", "%s", text)
		}
	}
	require.Equal(t, map[string]int{
		"Deployment": 1, "Service": 1, "ConfigMap": 2, "PodDisruptionBudget": 1, "NetworkPolicy": 1, "ServiceMonitor": 1,
	}, kinds)
	return m
}

func (m manifests) pod() corev1.PodSpec { return m.deployment.Spec.Template.Spec }

func (m manifests) container(t *testing.T) corev1.Container {
	t.Helper()
	require.Len(t, m.pod().Containers, 1)
	require.Empty(t, m.pod().InitContainers)
	return m.pod().Containers[0]
}

// environment is what the container gets: the config map, and over it what the Deployment
// sets itself. Values out of the Secret are "(secret)".
func (m manifests) environment(t *testing.T) map[string]string {
	t.Helper()
	environment := maps.Clone(m.config.Data)
	for _, variable := range m.container(t).Env {
		environment[variable.Name] = variable.Value
		if variable.ValueFrom != nil {
			environment[variable.Name] = "(secret)"
		}
	}
	return environment
}

// setting is the value that the program will go by.
func (m manifests) setting(t *testing.T, variable string) string {
	t.Helper()
	if value, ok := m.environment(t)[variable]; ok {
		return value
	}
	value, ok := variables(t)[variable]
	require.True(t, ok, "the program does not know %s", variable)
	return value
}

// A file that the kustomization does not name is never applied.
func TestKustomization_NamesAllFiles(t *testing.T) {
	files, err := filepath.Glob(deployFolder + "/kubernetes/*")
	require.NoError(t, err)
	text, err := os.ReadFile(deployFolder + "/kubernetes/kustomization.yaml")
	require.NoError(t, err)
	for _, path := range files {
		if base := filepath.Base(path); base != "kustomization.yaml" {
			assert.Contains(t, string(text), "- "+base+"\n")
		}
	}
}

func TestManifests_HaveTheNamesAndLabelsOfThePresentDeployment(t *testing.T) {
	m := build(t)
	for _, object := range []struct {
		metav1.ObjectMeta
		wanted string
	}{
		{m.deployment.ObjectMeta, name},
		{m.service.ObjectMeta, name},
		{m.config.ObjectMeta, configMapName},
		{m.roleMap.ObjectMeta, roleMapName},
		{m.budget.ObjectMeta, name},
		{m.network.ObjectMeta, name},
		{m.monitor.ObjectMeta, name},
	} {
		assert.Equal(t, object.wanted, object.Name)
		assert.Subset(t, object.Labels, ours, object.Name)
		assert.Empty(t, object.Namespace, "the operator chooses the namespace")
	}
	assert.Equal(t, ours, m.deployment.Spec.Template.Labels)
	for what, selector := range map[string]map[string]string{
		"Deployment":          m.deployment.Spec.Selector.MatchLabels,
		"Service":             m.service.Spec.Selector,
		"PodDisruptionBudget": m.budget.Spec.Selector.MatchLabels,
		"NetworkPolicy":       m.network.Spec.PodSelector.MatchLabels,
		"ServiceMonitor":      m.monitor.Spec.Selector.MatchLabels,
	} {
		assert.Equal(t, ours, selector, "the selector of the %s", what)
	}
}

func TestDeployment_KeepsCopiesRunning(t *testing.T) {
	m := build(t)
	require.NotNil(t, m.deployment.Spec.Replicas)
	assert.EqualValues(t, 2, *m.deployment.Spec.Replicas)
	update := m.deployment.Spec.Strategy.RollingUpdate
	require.NotNil(t, update)
	assert.Equal(t, intstr.FromInt32(0), *update.MaxUnavailable)
	assert.Equal(t, intstr.FromInt32(1), *update.MaxSurge)
	require.NotNil(t, m.budget.Spec.MinAvailable)
	assert.Equal(t, intstr.FromInt32(1), *m.budget.Spec.MinAvailable)

	var topologies []string
	for _, spread := range m.pod().TopologySpreadConstraints {
		topologies = append(topologies, spread.TopologyKey)
		assert.EqualValues(t, 1, spread.MaxSkew)
		assert.Equal(t, ours, spread.LabelSelector.MatchLabels)
		assert.Equal(t, corev1.ScheduleAnyway, spread.WhenUnsatisfiable, "a cluster with one machine left must do")
	}
	assert.Contains(t, topologies, corev1.LabelHostname)
}

func TestPod_HasNoRightsThatItDoesNotNeed(t *testing.T) {
	m := build(t)
	pod, container := m.pod(), m.container(t)
	assert.Equal(t, new(false), pod.AutomountServiceAccountToken)
	assert.False(t, pod.HostNetwork || pod.HostPID || pod.HostIPC)

	require.NotNil(t, pod.SecurityContext)
	assert.Equal(t, new(true), pod.SecurityContext.RunAsNonRoot)
	assert.Equal(t, new(int64(1000)), pod.SecurityContext.RunAsUser)
	assert.Equal(t, new(int64(1000)), pod.SecurityContext.RunAsGroup)
	assert.Equal(t, "1000:1000", dockerfile(t, "USER"), "the manifests and the image name the same user")
	assert.Equal(t, &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}, pod.SecurityContext.SeccompProfile)

	// The whole of it, so that nothing is added or overridden unseen.
	assert.Equal(t, &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		ReadOnlyRootFilesystem:   new(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}, container.SecurityContext)
}

func TestPod_StaysWithinItsResources(t *testing.T) {
	container := build(t).container(t)
	assert.Equal(t, corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("50m"),
		corev1.ResourceMemory: resource.MustParse("64Mi"),
	}, container.Resources.Requests)
	assert.Equal(t, corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")}, container.Resources.Limits)

	// Go writes the same units with a B at the end.
	text, ok := strings.CutSuffix(build(t).environment(t)["GOMEMLIMIT"], "B")
	require.True(t, ok)
	goal, err := resource.ParseQuantity(text)
	require.NoError(t, err)
	assert.Negative(t, goal.Cmp(*container.Resources.Limits.Memory()), "the program must feel the limit before it is killed")
	assert.Positive(t, goal.Cmp(*container.Resources.Requests.Memory()))
}

func TestPod_FixesItsImage(t *testing.T) {
	image := build(t).container(t).Image
	_, tag, ok := strings.Cut(filepath.Base(image), ":")
	assert.True(t, ok && tag != "latest", "%s can change from one start to the next", image)
}

func TestPorts_LeadToTheProgram(t *testing.T) {
	m := build(t)
	container := m.container(t)
	ports := make(map[string]int32)
	for _, port := range container.Ports {
		ports[port.Name] = port.ContainerPort
	}
	assert.Equal(t, map[string]int32{"http": 5000, "management": 8081}, ports)
	assert.Equal(t, strconv.Itoa(int(ports["http"])), m.setting(t, "PORT"))
	assert.Equal(t, strconv.Itoa(int(ports["http"])), dockerfile(t, "EXPOSE"))
	host, port, err := net.SplitHostPort(m.setting(t, "MANAGEMENT_ADDR"))
	require.NoError(t, err)
	assert.Empty(t, host, "the probes come to the pod's address")
	assert.Equal(t, strconv.Itoa(int(ports["management"])), port)

	served := make(map[int32]int32)
	names := make(map[string]int32)
	for _, port := range m.service.Spec.Ports {
		served[port.Port] = ports[port.TargetPort.StrVal]
		names[port.Name] = port.Port
	}
	assert.Equal(t, map[int32]int32{80: 5000, 5000: 5000, 8081: 8081}, served)

	require.Len(t, m.monitor.Spec.Endpoints, 1)
	endpoint := m.monitor.Spec.Endpoints[0]
	assert.EqualValues(t, 8081, names[endpoint.Port], "the ServiceMonitor names the Service's port")
	assert.Equal(t, "/metrics", endpoint.Path)
}

// The operator labels each target with its port, as "endpoint", and Prometheus would rename
// the route in the service's own metrics to make room. Alerts and dashboard need the route.
func TestServiceMonitor_LeavesTheRouteItsName(t *testing.T) {
	endpoint := build(t).monitor.Spec.Endpoints[0]
	assert.True(t, slices.ContainsFunc(endpoint.RelabelConfigs, func(config monitoringv1.RelabelConfig) bool {
		return config.Action == "labeldrop" && config.Regex == "endpoint"
	}))
	assert.Empty(t, endpoint.MetricRelabelConfigs)
}

func TestProbes_AskTheProcessAlone(t *testing.T) {
	container := build(t).container(t)
	for path, probe := range map[string]*corev1.Probe{"/livez": container.LivenessProbe, "/readyz": container.ReadinessProbe} {
		require.NotNil(t, probe, path)
		require.NotNil(t, probe.HTTPGet, path)
		assert.Equal(t, path, probe.HTTPGet.Path)
		assert.Equal(t, intstr.FromString("management"), probe.HTTPGet.Port)
		assert.GreaterOrEqual(t, probe.TimeoutSeconds, int32(2), "%s: a busy machine is not a dead program", path)
		assert.GreaterOrEqual(t, probe.FailureThreshold, int32(2), "%s: once is no proof", path)
	}
	assert.Nil(t, container.StartupProbe, "it starts within a second")
}

// A pod that is told to stop still gets new connections for a while, and then finishes what
// it has begun. Both must fit into the time that the cluster gives it.
func TestPod_HasTheTimeToFinish(t *testing.T) {
	m := build(t)
	lifecycle := m.container(t).Lifecycle
	require.NotNil(t, lifecycle)
	require.NotNil(t, lifecycle.PreStop)
	require.NotNil(t, lifecycle.PreStop.Sleep, "the image has no program that could be run")
	pause := time.Duration(lifecycle.PreStop.Sleep.Seconds) * time.Second
	assert.GreaterOrEqual(t, pause, 3*time.Second)
	require.NotNil(t, m.pod().TerminationGracePeriodSeconds)
	given := time.Duration(*m.pod().TerminationGracePeriodSeconds) * time.Second
	assert.Greater(t, given, pause+seconds(t, m.setting(t, "SHUTDOWN_TIMEOUT")))
}

func TestPod_TakesTheSecretAsAFileThatFollowsIt(t *testing.T) {
	m := build(t)
	container := m.container(t)
	var id corev1.EnvVar
	for _, variable := range container.Env {
		if variable.ValueFrom != nil {
			require.Empty(t, id.Name, "%s comes from elsewhere", variable.Name)
			id = variable
		}
	}
	assert.Equal(t, "KEYCLOAK_CLIENT_ID", id.Name)
	assert.Equal(t, &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secretName}, Key: clientIDKey,
	}}, id.ValueFrom)

	require.Len(t, m.pod().Volumes, 2)
	volume := m.pod().Volumes[0]
	require.NotNil(t, volume.Secret)
	require.Len(t, volume.Secret.Items, 1, "other secrets of that Secret have no business here")
	assert.Equal(t, secretName, volume.Secret.SecretName)
	assert.Equal(t, clientSecretKey, volume.Secret.Items[0].Key)
	assert.Equal(t, new(int32(0o440)), volume.Secret.DefaultMode)
	assert.Equal(t, new(int64(1000)), m.pod().SecurityContext.FSGroup, "the file belongs to root and this group")

	require.Len(t, container.VolumeMounts, 2)
	mount := container.VolumeMounts[0]
	assert.Equal(t, volume.Name, mount.Name)
	assert.True(t, mount.ReadOnly)
	assert.Empty(t, mount.SubPath+mount.SubPathExpr, "such a file never changes")
	assert.Equal(t, mount.MountPath+"/"+volume.Secret.Items[0].Path, m.setting(t, "KEYCLOAK_CLIENT_SECRET_FILE"))
}

// Whoever changes the map begins with the one that counts without it.
func TestRoleMap_IsTheBuiltInOneMountedWhereTheProgramLooks(t *testing.T) {
	m := build(t)
	builtIn, err := os.ReadFile("../../internal/adapters/rolemap/built_in.yaml")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"role-map.yaml": string(builtIn)}, m.roleMap.Data)
	volume, mount := m.pod().Volumes[1], m.container(t).VolumeMounts[1]
	assert.Equal(t, roleMapName, volume.ConfigMap.Name)
	assert.Equal(t, volume.Name, mount.Name)
	assert.True(t, mount.ReadOnly)
	assert.Equal(t, mount.MountPath+"/role-map.yaml", m.setting(t, "ROLE_MAP_FILE"))
}

func TestConfigMap_HoldsWhatTheProgramKnows(t *testing.T) {
	m := build(t)
	known := variables(t)
	for variable := range m.environment(t) {
		assert.Contains(t, known, variable)
	}
	// These have a good value for everybody, or belong to the Deployment; the operator decides the others.
	settled := []string{"API_DOCS", "AUTH_INTROSPECTION", "KEYCLOAK_CLIENT_ID", "KEYCLOAK_CLIENT_SECRET", "KEYCLOAK_CLIENT_SECRET_FILE",
		"KEYCLOAK_MAX_CONCURRENCY", "KEYCLOAK_TIMEOUT", "LISTEN_HOST", "LOG_FORMAT", "MANAGEMENT_ADDR", "MAX_CONNECTIONS",
		"PORT", "PPROF", "RESET_COOLDOWN"}
	for variable := range known {
		if _, there := m.config.Data[variable]; !there && !slices.Contains(readByLibraries, variable) && !strings.HasPrefix(variable, "OTEL_") && !strings.HasPrefix(variable, "GUNICORN_") {
			assert.Contains(t, settled, variable, "config-map.yaml lacks it")
		}
	}
	assert.Equal(t, "stdout", m.config.Data["AUDIT_LOG"], "the root is read-only")
	for variable := range m.config.Data {
		assert.NotContains(t, variable, "SECRET", "secrets are in the Secret")
	}
	require.Len(t, m.container(t).EnvFrom, 1)
	assert.Equal(t, &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: configMapName}}, m.container(t).EnvFrom[0].ConfigMapRef)
}

// The program takes the manifests' configuration, and while Keycloak fails it passes its
// probes: nothing is restarted, nothing is taken out of the Service.
func TestConfigMap_StartsTheProgram(t *testing.T) {
	m := build(t)
	environment := m.environment(t)
	delete(environment, "KEYCLOAK_CLIENT_SECRET_FILE")
	environment["KEYCLOAK_URL"] = failingKeycloak(t)
	environment = withSecret(t, environment)
	environment["ROLE_MAP_FILE"] = filepath.Join(t.TempDir(), "role-map.yaml")
	require.NoError(t, os.WriteFile(environment["ROLE_MAP_FILE"], []byte(m.roleMap.Data["role-map.yaml"]), 0o600))
	management := freeAddress(t)
	environment["MANAGEMENT_ADDR"] = management
	probed := "http://" + management
	program := start(t, environment)
	require.Eventually(t, func() bool {
		status, err := get(t.Context(), program.url+"/health")
		return err == nil && status == http.StatusServiceUnavailable
	}, 10*time.Second, 50*time.Millisecond, "the outage is noticed")
	container := m.container(t)
	for _, probe := range []*corev1.Probe{container.LivenessProbe, container.ReadinessProbe} {
		status, err := get(t.Context(), probed+probe.HTTPGet.Path)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status, probe.HTTPGet.Path)
	}
}

// freeAddress is an address that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func TestNetworkPolicy_LetsInTheGatewayAndMonitoringOnly(t *testing.T) {
	policy := build(t).network.Spec
	assert.ElementsMatch(t, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}, policy.PolicyTypes)

	allowed := make(map[string]string)
	for _, rule := range policy.Ingress {
		require.Len(t, rule.From, 1)
		requireNarrow(t, rule.From[0])
		for _, port := range ports(t, rule.Ports) {
			assert.NotContains(t, allowed, port)
			allowed[port] = rule.From[0].PodSelector.MatchLabels["app.kubernetes.io/name"]
		}
	}
	assert.Equal(t, map[string]string{"http": "ingress-nginx", "management": "prometheus"}, allowed)
}

func TestNetworkPolicy_LetsOutToKeycloakNamesAndTheCollectorOnly(t *testing.T) {
	m := build(t)
	var allowed []string
	for _, rule := range m.network.Spec.Egress {
		require.Len(t, rule.To, 1)
		requireNarrow(t, rule.To[0])
		namespace := rule.To[0].NamespaceSelector.MatchLabels[corev1.LabelMetadataName]
		for _, port := range ports(t, rule.Ports) {
			allowed = append(allowed, namespace+" "+port)
		}
	}
	assert.ElementsMatch(t, []string{"kube-system UDP 53", "kube-system 53", "keycloak 8080", "monitoring 4317", "monitoring 4318"}, allowed)

	address, err := url.Parse(m.config.Data["KEYCLOAK_URL"])
	require.NoError(t, err)
	namespace := strings.Split(address.Hostname(), ".")[1]
	assert.Contains(t, allowed, namespace+" "+address.Port(), "KEYCLOAK_URL leads to where the policy allows")
}

// requireNarrow refuses a peer that is a whole namespace or the whole cluster.
func requireNarrow(t *testing.T, peer networkingv1.NetworkPolicyPeer) {
	t.Helper()
	require.NotNil(t, peer.NamespaceSelector)
	require.NotNil(t, peer.PodSelector)
	require.NotEmpty(t, peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName])
	require.NotEmpty(t, peer.PodSelector.MatchLabels)
	require.Nil(t, peer.IPBlock)
}

// ports names the ports of a rule, with their protocol if it is not TCP.
func ports(t *testing.T, rule []networkingv1.NetworkPolicyPort) []string {
	t.Helper()
	require.NotEmpty(t, rule, "a rule without ports opens all of them")
	var names []string
	for _, port := range rule {
		require.NotNil(t, port.Port)
		require.Nil(t, port.EndPort)
		text := port.Port.String()
		if port.Protocol != nil && *port.Protocol != corev1.ProtocolTCP {
			text = string(*port.Protocol) + " " + text
		}
		names = append(names, text)
	}
	return names
}
