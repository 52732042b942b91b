/* An ONNX model as bytes: protobuf-c packs all but the tensors' numbers, which go from the network into the
 * sink piece by piece, so that no copy of them is made. */
#include <mlp/version.h>

#include "base/status.h"
#include "io/onnx_nodes.h"
#include "io/safetensors.h"

/* Fields of messages of their own, and of bytes: field << 3 | 2. */
enum { KEY_GRAPH = 7 << 3 | 2, KEY_INITIALIZER = 5 << 3 | 2, KEY_RAW_DATA = 9 << 3 | 2 };

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value > 127; value >>= 7) {
        size++;
    }
    return size;
}

/* Bytes of a field of so many bytes. */
static size_t field_size(size_t size)
{
    return 1 + varint_size(size) + size;
}

static mlp_status put_key(struct byte_sink *sink, unsigned char key, size_t size)
{
    unsigned char bytes[12] = { key };
    size_t count = 1;
    for (; size > 127; size >>= 7) {
        bytes[count++] = (unsigned char)(size | 128);
    }
    bytes[count++] = (unsigned char)size;
    return byte_sink_write(sink, bytes, count);
}

struct sink_buffer {
    ProtobufCBuffer base; /* must be first */
    struct byte_sink *sink;
    mlp_status status;
};

static void append_to_sink(ProtobufCBuffer *buffer, size_t size, const uint8_t *bytes)
{
    struct sink_buffer *to = (struct sink_buffer *)buffer;
    to->status = to->status == MLP_OK ? byte_sink_write(to->sink, bytes, size) : to->status;
}

static mlp_status put_message(struct byte_sink *sink, const ProtobufCMessage *message)
{
    struct sink_buffer buffer = { .base = { append_to_sink }, .sink = sink };
    protobuf_c_message_pack_to_buffer(message, &buffer.base);
    return buffer.status;
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

static size_t numbers_size(const struct safetensor_output *numbers)
{
    return numbers->rows * (numbers->columns > 0 ? numbers->columns : 1) * sizeof(float);
}

static size_t tensor_size(const struct onnx_writer *w, size_t i)
{
    const struct safetensor_output *numbers = (const struct safetensor_output *)w->numbers.items + i;
    return protobuf_c_message_get_packed_size(&w->graph.initializer[i]->base) +
           (numbers->values != NULL ? field_size(numbers_size(numbers)) : 0);
}

/* Raw data is the last field, as it is where protobuf-c packs all of it. */
static mlp_status put_tensor(const struct onnx_writer *w, size_t i, struct byte_sink *sink)
{
    const struct safetensor_output *numbers = (const struct safetensor_output *)w->numbers.items + i;
    TRY(put_key(sink, KEY_INITIALIZER, tensor_size(w, i)));
    TRY(put_message(sink, &w->graph.initializer[i]->base));
    if (numbers->values == NULL) {
        return MLP_OK;
    }
    TRY(put_key(sink, KEY_RAW_DATA, numbers_size(numbers)));
    return safetensor_floats_write(sink, numbers);
}

/* ---- the model ----------------------------------------------------------------------------------------- */

/* The fields around the tensors, and around the graph: two messages each. */
struct around {
    Mlp__Onnx__Graph graph_head, graph_tail;
    Mlp__Onnx__Model head, tail;
    size_t graph_size;
};

static void split(const struct onnx_writer *w, struct around *around)
{
    mlp__onnx__graph__init(&around->graph_head);
    mlp__onnx__graph__init(&around->graph_tail);
    mlp__onnx__model__init(&around->head);
    mlp__onnx__model__init(&around->tail);
    around->graph_head.n_node = w->graph.n_node;
    around->graph_head.node = w->graph.node;
    around->graph_head.name = w->graph.name;
    around->graph_tail.n_input = w->graph.n_input;
    around->graph_tail.input = w->graph.input;
    around->graph_tail.n_output = w->graph.n_output;
    around->graph_tail.output = w->graph.output;
    around->head.has_ir_version = true;
    around->head.ir_version = ONNX_IR;
    around->head.producer_name = "libmlp";
    around->head.producer_version = MLP_VERSION;
    around->graph_size = protobuf_c_message_get_packed_size(&around->graph_head.base) +
                         protobuf_c_message_get_packed_size(&around->graph_tail.base);
    for (size_t i = 0; i < w->graph.n_initializer; i++) {
        around->graph_size += field_size(tensor_size(w, i));
    }
}

static mlp_status put_model(const struct onnx_writer *w, const struct around *around, struct byte_sink *sink)
{
    TRY(put_message(sink, &around->head.base));
    TRY(put_key(sink, KEY_GRAPH, around->graph_size));
    TRY(put_message(sink, &around->graph_head.base));
    for (size_t i = 0; i < w->graph.n_initializer; i++) {
        TRY(put_tensor(w, i, sink));
    }
    TRY(put_message(sink, &around->graph_tail.base));
    return put_message(sink, &around->tail.base);
}

mlp_status onnx_model_write(const struct onnx_writer *w, const char *names, struct byte_sink *sink)
{
    Mlp__Onnx__OperatorSet set = MLP__ONNX__OPERATOR_SET__INIT;
    Mlp__Onnx__OperatorSet *sets[] = { &set };
    Mlp__Onnx__Entry entry = MLP__ONNX__ENTRY__INIT;
    Mlp__Onnx__Entry *entries[] = { &entry };
    struct around around;
    split(w, &around);
    set.domain = "";
    set.has_version = true;
    set.version = ONNX_OPSET;
    entry.key = "class_names";
    entry.value = (char *)names;
    around.tail.n_opset_import = 1;
    around.tail.opset_import = sets;
    around.tail.n_metadata_props = names != NULL;
    around.tail.metadata_props = entries;
    const size_t size = protobuf_c_message_get_packed_size(&around.head.base) +
                        field_size(around.graph_size) + protobuf_c_message_get_packed_size(&around.tail.base);
    TRY(byte_sink_begin(sink, size));
    return byte_sink_end(sink, put_model(w, &around, sink));
}
